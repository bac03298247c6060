// Tokens added on top of a model's vocabulary: special ones such as <|im_start|>, and plain ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/pretokenizer_regex.h"
#include "text/tokenizer_model.h"

namespace saccade::text {

/// One entry of "added_tokens".
struct AddedToken {
  std::string content;
  bool single_word = false;  ///< no word character may stand on either side
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< and behind it
  bool normalized = true;    ///< is looked for in normalized text, itself normalized
  bool special = false;

  bool operator==(const AddedToken&) const = default;
};

/// Strings to be found in text, leftmost first and the longest of those that begin at one place.
class TokenMatcher {
 public:
  struct Match {
    Span span;
    std::int32_t id;
  };

  /// The first of equal strings counts. No string is empty.
  explicit TokenMatcher(std::vector<std::pair<std::string, std::int32_t>> tokens);

  /// The first match at or after `from`.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  std::optional<Match> longest_at(std::string_view text, std::size_t begin) const;

  std::vector<std::pair<std::string, std::int32_t>> tokens_;  // sorted by string
  std::vector<bool> begins_;                                  // by first byte
};

/// The added tokens of a tokenizer.
class AddedTokens {
 public:
  /// Reads "added_tokens" (null or missing: none). As in the reference a token that the model's
  /// vocabulary has takes its id there, and others are numbered on from the vocabulary's size in
  /// the order of the file, which is what the ids written in the file normally say.
  AddedTokens(const boost::json::value* list, std::string_view where, const TokenModel& model,
              const Normalizer* normalizer);

  /// Cuts `text` (valid UTF-8, not normalized) at the added tokens and normalizes the rest. Without
  /// `parse_special` the special ones are text like any other.
  PieceList split(std::string_view text, bool parse_special) const;

  std::optional<std::int32_t> id(std::string_view content) const;

  /// What a decoder is given for an id: the content, normalized if it is looked for normalized;
  /// nullopt when the id is not that of an added token.
  std::optional<std::string_view> decoded_form(std::int32_t id) const;

  /// Whether decoding without special tokens leaves out a token of this decoded form.
  bool is_special(std::string_view content) const {
    return special_contents_.contains(std::string(content));
  }
  std::int32_t end_id() const { return end_id_; }

 private:
  void add(const AddedToken& token, const TokenModel& model, std::string_view where);
  std::int32_t next_id(const TokenModel& model) const;
  void cut(const Piece& whole, const TokenMatcher& matcher, bool parse_special,
           std::vector<Piece>& pieces) const;
  bool stands_alone(std::string_view text, const Span& span) const;

  std::vector<AddedToken> special_;  // in the order they are tried
  std::vector<AddedToken> plain_;
  std::unordered_set<std::string> special_contents_;
  std::unordered_map<std::string, std::int32_t> id_of_content_;
  std::unordered_map<std::int32_t, AddedToken> token_of_id_;
  std::unordered_map<std::int32_t, std::string> decoded_of_id_;  // where not the content
  std::int32_t max_id_ = -1;                                     // of id_of_content_
  std::int32_t end_id_ = 0;
  const Normalizer* normalizer_;
  std::optional<TokenMatcher> raw_;         // looked for before normalization
  std::optional<TokenMatcher> normalized_;  // and after it
  std::optional<Regex> word_at_start_;      // for single_word
  std::optional<Regex> word_at_end_;
};

}  // namespace saccade::text
