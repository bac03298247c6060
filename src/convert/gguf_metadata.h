// What GGUF files say of a model besides its weights.
#pragma once

#include "checkpoint/gguf_writer.h"
#include "convert/gguf_plan.h"

namespace saccade::conversion {

/// The decoder's sizes, as llama.cpp names them. Throws Error for settings that the format has no
/// word for.
void add_text_metadata(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source,
                       const GgufKind& kind, const Target& target);
/// Factors of Llama 3.1's rotary frequencies, [head_dim / 2]; empty where there are none. They are
/// a tensor of the file, rope_freqs.weight.
std::vector<float> rope_factors(const checkpoint::Checkpoint& source);
/// The tower's.
void add_tower_metadata(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source,
                        const GgufKind& kind);
/// tokenizer.ggml.*, for as many tokens as there are embeddings. Throws Error for a tokenizer that
/// the format cannot hold.
void add_vocabulary(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source);

}  // namespace saccade::conversion
