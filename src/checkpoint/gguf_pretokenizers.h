// How byte-level vocabularies in GGUF files cut text, by the names llama.cpp gives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace saccade::checkpoint {

/// What a value of tokenizer.ggml.pre stands for.
struct GgufPretokenizer {
  /// Regular expressions in the syntax of tokenizer.json. One after another cuts what the ones
  /// before it left, at each match and between them.
  std::vector<std::string_view> patterns;
  bool ignore_merges = false;  ///< a piece that is a token is not merged from its bytes
  bool add_bos = false;        ///< where the file does not say
};

/// The rules of `name`, or nullptr.
const GgufPretokenizer* find_gguf_pretokenizer(std::string_view name);

/// All names, sorted, "bloom, chameleon, ...", for errors.
std::string gguf_pretokenizer_names();

}  // namespace saccade::checkpoint
