// Byte pair encoding as SentencePiece does it: by the scores of tokens, without a list of merges.
#pragma once

#include <array>

#include "text/bpe_tables.h"
#include "text/tokenizer_model.h"

namespace saccade::text {

/// Cuts a piece into characters and joins neighbours whose texts together are a token, the one of
/// the highest score first and leftmost first among equals. A character that is no token becomes
/// the tokens of its bytes ("<0x41>"), or the unknown token where one of those is missing.
///
/// Merge lists cannot say this exactly (they order pairs, and name tokens on both sides), so GGUF
/// vocabularies of the "llama" kind, which have scores and no merges, get a model of their own:
/// {"type": "SentencePieceBpe", "vocab": {token: id}, "scores": [of each id], "unk_token"}.
class SentencePieceBpe final : public TokenModel {
 public:
  /// Throws Error for wrong types, ids out of range or given twice, and scores that are missing.
  explicit SentencePieceBpe(const JsonObject& model);

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
  /// A run of characters that is a token, or one character that may be none.
  struct Symbol {
    std::uint32_t begin;
    std::uint32_t size;  // bytes; 0 once joined to the one before
    std::uint32_t previous;
    std::uint32_t next;
  };
  /// Two neighbours that could be joined.
  struct Bigram {
    float score;
    std::uint32_t left;
    std::uint32_t size;  // of both, by which a bigram is known to be out of date
    /// The order of a heap whose top is the best.
    bool operator<(const Bigram& other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
  };

  void encode_piece(std::string_view text, std::vector<std::int32_t>& ids) const;
  void join(std::string_view text, std::vector<Symbol>& symbols) const;
  std::optional<Bigram> bigram(std::string_view text, const std::vector<Symbol>& symbols,
                               std::uint32_t left) const;
  void append_bytes(std::string_view character, std::vector<std::int32_t>& ids) const;

  TokenTable tokens_;
  std::vector<float> scores_;  // by id
  std::size_t longest_ = 0;    // bytes of the longest token
  std::string unknown_token_;
  std::array<std::int32_t, 256> id_of_byte_{};  // kNoToken where missing
};

}  // namespace saccade::text
