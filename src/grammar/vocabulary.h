// The tokens of a tokenizer as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/byte_trie.h"
#include "text/tokenizer.h"

namespace saccade::grammar {

/// What each token adds to a text in its middle. Special tokens, unknown ids and tokens without
/// bytes are no text: a grammar never allows them, but for the end tokens. Immutable.
class Vocabulary {
 public:
  /// Of a tokenizer; `end_tokens` end an answer. Throws Error for a tokenizer that puts something
  /// between tokens (one without a decoder), and for end tokens outside the vocabulary.
  Vocabulary(const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens);
  /// Of the bytes of each token, for tests and tools; those of no bytes are no text.
  Vocabulary(std::vector<std::string> tokens, std::span<const std::int32_t> end_tokens);

  std::size_t size() const { return tokens_.size(); }
  /// 64-bit words of a mask over all tokens.
  std::size_t mask_words() const { return (size() + 63) / 64; }
  /// Empty for what is not text.
  std::string_view bytes(std::int32_t token) const {
    return tokens_[static_cast<std::size_t>(token)];
  }
  const std::vector<std::int32_t>& end_tokens() const { return end_tokens_; }
  bool is_end(std::int32_t token) const;
  const ByteTrie& trie() const { return trie_; }

 private:
  void finish(std::span<const std::int32_t> end_tokens);

  std::vector<std::string> tokens_;
  std::vector<std::int32_t> end_tokens_;
  ByteTrie trie_;
};

}  // namespace saccade::grammar
