// Writing the quantized blocks of GGUF files: the inverse of ggml_blocks.h.
#pragma once

#include "tensor/ggml_blocks.h"

namespace saccade {

/// Writes a block of a quantized type from the codes of its elements and its scales, both as
/// read_block_codes and read_block_scales give them.
void write_block(GgmlType type, const std::uint8_t* codes, const BlockScales& scales,
                 std::byte* block);

}  // namespace saccade
