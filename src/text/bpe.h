// Byte pair encoding, as Hugging Face tokenizers' BPE model does it.
#pragma once

#include <array>
#include <mutex>
#include <string>

#include "text/bpe_cache.h"
#include "text/bpe_tables.h"
#include "text/tokenizer_model.h"

namespace saccade::text {

/// Splits a word into characters and merges neighbouring tokens, lowest rank first, leftmost first
/// among equals. A character without a token becomes the tokens of its bytes ("<0x41>", with
/// byte_fallback), else the unknown token, else nothing.
class Bpe final : public TokenModel {
 public:
  /// Reads "model" of tokenizer.json. Throws Error for wrong types, ids out of [0, 2^22), an id or
  /// token given twice, merges of unknown tokens, dropout, and prefixes or suffixes of subwords.
  explicit Bpe(const JsonObject& model);

  void encode(const std::vector<Piece>& pieces, std::vector<std::int32_t>& ids) const override;
  std::optional<std::int32_t> token_id(std::string_view token) const override {
    return tokens_.find(token);
  }
  std::optional<std::string_view> token(std::int32_t id) const override {
    return tokens_.token(id);
  }
  std::int32_t token_count() const override { return tokens_.count(); }
  std::int32_t end_id() const override { return tokens_.end_id(); }

 private:
  void index_characters();
  void read_merges(const JsonObject& model);
  void encode_word(std::string_view word, std::vector<std::int32_t>& ids) const;
  std::optional<std::int32_t> id_of_char(std::string_view text, char32_t value) const;
  void split_chars(std::string_view word, std::vector<std::int32_t>& symbols) const;
  void merge_short(std::vector<std::int32_t>& symbols) const;
  void merge_long(std::vector<std::int32_t>& symbols) const;
  std::int32_t unknown_id() const;

  static constexpr char32_t kQuickChars = 0x180;  // covers the byte-level alphabet

  TokenTable tokens_;
  MergeTable merges_;
  std::array<std::int32_t, kQuickChars> id_of_quick_char_{};
  std::array<std::int32_t, 256> id_of_byte_{};  // "<0x00>"...; kNoToken where missing
  std::string unknown_token_;
  bool has_unknown_ = false;
  bool fuse_unknown_ = false;
  bool byte_fallback_ = false;
  bool ignore_merges_ = false;

  // Taken for a whole encode() when free; a thread that finds it taken does without the cache.
  mutable std::mutex cache_mutex_;
  mutable WordCache cache_;
};

}  // namespace saccade::text
