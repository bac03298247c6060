// Token ids to text as they come, in whole characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace saccade::text {

/// Decodes one id after another. What add() and finish() return, put together, is always
/// Tokenizer::decode of all the ids, and each piece is valid UTF-8.
class StreamingDetokenizer {
 public:
  /// `tokenizer` must outlive this object. Of special tokens those that are `kept` are not skipped.
  StreamingDetokenizer(const Tokenizer& tokenizer, bool skip_special,
                       std::vector<std::int32_t> kept = {})
      : tokenizer_(&tokenizer), skip_special_(skip_special), kept_(std::move(kept)) {}

  /// The text that is certain once `id` has come; empty in the middle of a character.
  std::string add(std::int32_t id);

  /// The rest: an unfinished character becomes U+FFFD. Afterwards a new text may begin.
  std::string finish();

 private:
  bool skips(std::int32_t id) const;
  std::string take_run();
  std::string take_characters(bool at_end);
  std::string strip_front(std::string text);

  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::vector<std::int32_t> kept_;  // a few
  bool first_ = true;               // no token yet
  std::string run_;                 // byte tokens of byte fallback, which count as a whole
  std::string held_;                // raw bytes that do not end with a whole character
  std::size_t stripped_ = 0;        // characters taken from the front so far
  bool stripping_ = true;           // nothing but stripped characters came yet
};

}  // namespace saccade::text
