// Making quantized weights: the inverse of dequantize.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/weight_format.h"

namespace saccade {

/// Where the parts of quantized rows go, and where a HostMatrix finds them.
struct QuantizedRows {
  std::vector<std::byte> data;     ///< codes or blocks, row after row
  std::vector<std::byte> scales;   ///< [rows, groups] where the format keeps them apart
  std::vector<std::byte> offsets;  ///< likewise
};

/// Whether rows of `inputs` weights can be in a format: groups and blocks must divide them.
bool can_quantize(const WeightFormat& format, std::int64_t inputs);

/// Quantizes rows [rows, inputs] of `values` to a format: plain floating-point numbers, MLX's
/// affine, mxfp4, mxfp8 and nvfp4 modes, or any block type of GGUF. Throws Error for the formats
/// that nothing writes (zero points, fp8) and for rows that can_quantize() refuses.
///
/// - Affine: as mlx.core.quantize computes it in float32. The end of the range that lies farther
///   from zero is hit exactly, so scales may be negative; scales and offsets are rounded to
///   `format.dtype` when they are stored, after the codes were made with the unrounded ones.
/// - mxfp4 and mxfp8: scale 2^round(log2(max / 6 or 448)); nvfp4: scale E4M3(max / 6).
/// - Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, MXFP4: bit for bit what ggml's reference makes.
/// - K-quants and IQ4: the least square error that a search over scales finds.
QuantizedRows quantize_rows(const WeightFormat& format, const float* values, std::int64_t rows,
                            std::int64_t inputs, ThreadPool& threads);

/// Stores float32 numbers as `dtype`, rounded to nearest even. `to` may lie at any address.
void store_floats(const float* values, std::int64_t count, DType dtype, std::byte* to);

}  // namespace saccade
