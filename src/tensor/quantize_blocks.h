// Blocks of GGUF's quantized types; see quantize.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/ggml_type.h"

namespace saccade {

/// Quantizes one row of `inputs` weights, whole blocks, to a quantized type.
void quantize_block_row(GgmlType type, const float* row, std::int64_t inputs, std::byte* to);

/// One block of a K-quant, IQ4_NL or IQ4_XS: scales by search (quantize_search.cc).
void quantize_searched_block(GgmlType type, const float* values, std::byte* to);

}  // namespace saccade
