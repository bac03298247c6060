// The tokens of a tokenizer as bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/byte_trie.h"
#include "text/tokenizer.h"

namespace saccade::grammar {

/// What each token adds to a text in its middle. Unknown ids and tokens without bytes are no text:
/// a grammar never allows them, but for the end tokens. Special tokens are the bytes of
/// special_text(), which only grammars that name them allow. Immutable.
class Vocabulary {
 public:
  /// Of a tokenizer, which must stay where it is. `size` is that of the logits: a model may have
  /// more rows than its tokenizer has tokens, which are no text, or fewer. `end_tokens` end an
  /// answer. Throws Error for a tokenizer that puts something between tokens (one without a
  /// decoder), and for end tokens beyond `size`.
  Vocabulary(const text::Tokenizer& tokenizer, std::size_t size,
             std::span<const std::int32_t> end_tokens);
  /// Of the bytes of each token, for tests and tools; those of no bytes are no text, and those of
  /// special_text() are special tokens.
  Vocabulary(std::vector<std::string> tokens, std::span<const std::int32_t> end_tokens);

  std::size_t size() const { return tokens_.size(); }
  /// 64-bit words of a mask over all tokens.
  std::size_t mask_words() const { return (size() + 63) / 64; }
  /// Empty for what is not text.
  std::string_view bytes(std::size_t token) const { return tokens_[token]; }
  const std::vector<std::int32_t>& end_tokens() const { return end_tokens_; }
  bool is_end(std::int32_t token) const;
  const ByteTrie& trie() const { return trie_; }
  /// Whether there is a special token of this text that a grammar may allow.
  bool has_special(std::string_view text) const { return specials_.contains(text); }

  /// Whether decoding takes a space from the front of an answer, as SentencePiece's tokenizers do:
  /// then no answer can begin with one.
  bool drops_first_space() const { return drops_first_space_; }

  /// The tokens of `text`, which may have special ones in it, as the tokenizer cuts it behind
  /// `before`; nullopt where they do not spell it exactly (it is no UTF-8, or has letters that the
  /// tokenizer changes), and always without a tokenizer.
  std::optional<std::vector<std::int32_t>> encode_behind(std::string_view before,
                                                         std::string_view text) const;

 private:
  void finish(std::span<const std::int32_t> end_tokens);
  std::optional<std::vector<std::int32_t>> cut(std::string_view before,
                                               std::string_view text) const;

  const text::Tokenizer* tokenizer_ = nullptr;
  bool drops_first_space_ = false;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> end_tokens_;
  std::map<std::string, std::int32_t, std::less<>> specials_;  // ids by their texts
  ByteTrie trie_;
};

}  // namespace saccade::grammar
