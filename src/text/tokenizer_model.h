// What every kind of tokenizer model offers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pretokenizer.h"

namespace saccade::text {

/// Turns pieces of text into token ids. Immutable to callers, so threads may share it.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  /// Appends the ids of all pieces in order; a piece that is a token already gives its id.
  virtual void encode(const std::vector<Piece>& pieces, std::vector<std::int32_t>& ids) const = 0;

  virtual std::optional<std::int32_t> token_id(std::string_view token) const = 0;
  virtual std::optional<std::string_view> token(std::int32_t id) const = 0;
  virtual std::int32_t token_count() const = 0;  ///< tokens of the model itself
  virtual std::int32_t end_id() const = 0;       ///< largest id + 1

  /// Builds the model that "model" of tokenizer.json describes: BPE, Unigram, or SentencePieceBpe,
  /// which is our own (sentencepiece_bpe.h). Throws Error naming any other.
  static std::unique_ptr<TokenModel> from_json(const JsonObject& model);
};

}  // namespace saccade::text
