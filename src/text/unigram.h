// The unigram language model, as Hugging Face tokenizers' Unigram does it.
#pragma once

#include <array>

#include "text/bpe_tables.h"
#include "text/pretokenizer_regex.h"
#include "text/token_trie.h"
#include "text/tokenizer_model.h"

namespace saccade::text {

/// Cuts a piece into the tokens whose scores (log probabilities) add up highest; of equal sums the
/// first found holds. A character that is no token scores 10 below the worst token, and a run of
/// such characters becomes one unknown token, or the tokens of its bytes with byte_fallback.
class Unigram final : public TokenModel {
 public:
  /// Reads "model" of tokenizer.json: "vocab" as a list of [token, score] in the order of ids,
  /// "unk_id" and "byte_fallback". Throws Error for wrong types, tokens over 4096 bytes or too many
  /// of them, and an unk_id outside the vocabulary.
  explicit Unigram(const JsonObject& model);

  void encode(const std::vector<Piece>& pieces, std::vector<std::int32_t>& ids) const override;
  std::optional<std::int32_t> token_id(std::string_view token) const override;
  std::optional<std::string_view> token(std::int32_t id) const override;
  std::int32_t token_count() const override { return end_id(); }
  std::int32_t end_id() const override { return static_cast<std::int32_t>(spans_.size()); }

 private:
  /// The best way to get to a place in the text: with which token, from where.
  struct Step {
    double score = 0.0;
    std::int32_t id = kNoToken;
    std::uint32_t begin = 0;
  };

  void read_vocabulary(const JsonObject& model);
  void find_best_path(std::string_view text, std::vector<Step>& steps) const;
  void encode_piece(std::string_view text, std::vector<Step>& steps,
                    std::vector<std::int32_t>& ids) const;
  void append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const;

  std::string arena_;  // all tokens, one after another
  std::vector<Span> spans_;
  std::vector<double> scores_;
  TokenTrie trie_;  // of equal tokens the one with the largest id
  double unknown_score_ = 0.0;
  std::int32_t unknown_id_ = kNoToken;
  bool byte_fallback_ = false;
  std::array<std::int32_t, 256> id_of_byte_{};  // kNoToken where missing
};

}  // namespace saccade::text
