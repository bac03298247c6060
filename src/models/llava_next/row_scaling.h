// Scaling a grid of feature rows.
#pragma once

#include "compute/device.h"
#include "media/patches.h"

namespace saccade::models::llava_next {

/// to [to_grid.height * to_grid.width, n] = from [from_grid.height * from_grid.width, n] scaled as
/// PyTorch's interpolate(mode="bilinear", align_corners=False) does it, without antialiasing.
void scale_rows(compute::Device& device, const Tensor& to, const media::Size& to_grid,
                const Tensor& from, const media::Size& from_grid);

}  // namespace saccade::models::llava_next
