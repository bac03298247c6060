// The tokenizer inside a GGUF file, as the Hugging Face documents it was made from.
#pragma once

#include <boost/json.hpp>

#include "checkpoint/gguf.h"

namespace saccade::checkpoint {

/// What tokenizer.json says: the vocabulary, how text is cut, which tokens are added and what goes
/// around a text. Kinds by `tokenizer.ggml.model`: "gpt2" (byte-level BPE, its pre-tokenizer named
/// by `tokenizer.ggml.pre`), "llama" (SentencePiece BPE by scores; the model type is
/// "SentencePieceBpe", which Hugging Face does not have), "t5" (unigrams) and "gemma4" (BPE over
/// characters). Throws Error naming file and key for what is missing, contradicts itself or is not
/// supported.
boost::json::object tokenizer_json(const GgufFile& file);

/// What tokenizer_config.json says: bos_token and the like, add_bos_token, add_eos_token and
/// chat_template. Throws Error for wrong types.
boost::json::object tokenizer_config_json(const GgufFile& file);

}  // namespace saccade::checkpoint
