// SentencePiece vocabularies as tokenizer.json has them.
#pragma once

#include <boost/json.hpp>

namespace saccade::conversion {

/// A tokenizer.json that Hugging Face's tokenizers can load: our own model of scores (from GGUF
/// files, which have no merges) becomes BPE with byte fallback, its merges all pairs of tokens that
/// make a token, the best scores first, as transformers' own conversion from SentencePiece finds
/// them. Other models stay what they are.
boost::json::value with_merges(boost::json::value tokenizer);

}  // namespace saccade::conversion
