// Groups of weights in MLX's formats; see quantize.h.
#pragma once

#include "tensor/weight_format.h"

namespace saccade {

/// The nearest E4M3 number, halves to even; what is too large becomes the largest, 448.
std::uint8_t f32_to_e4m3(float value);

/// Quantizes one row of `inputs` weights. `scales` and `offsets` point at the row's own.
void quantize_affine_row(const WeightFormat& format, const float* row, std::int64_t inputs,
                         std::byte* data, std::byte* scales, std::byte* offsets);
void quantize_small_float_row(const WeightFormat& format, const float* row, std::int64_t inputs,
                              std::byte* data, std::byte* scales);

}  // namespace saccade
