// The same codes in another format that holds them.
#pragma once

#include "tensor/quantize.h"

namespace saccade::conversion {

/// Rows [first, first + count) of a matrix in the format that mlx_equivalent() found for it, or in
/// its own. Zero points become offsets, -zero * scale, rounded to the scales' type.
QuantizedRows recode_rows(const HostMatrix& matrix, std::int64_t first, std::int64_t count,
                          const WeightFormat& format);

}  // namespace saccade::conversion
