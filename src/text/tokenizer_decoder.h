// Decoders of tokenizer.json: from tokens back to text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pretokenizer_regex.h"

namespace saccade::text {

/// What one token gives to the text.
struct DecodedToken {
  enum class Kind : std::uint8_t {
    kText,  ///< bytes to append
    kByte,  ///< one byte of a run that counts only as a whole (byte fallback)
  };
  std::string bytes;
  Kind kind = Kind::kText;
};

/// How the parts of tokens become one text.
struct DecodeRules {
  /// Between tokens; only without any decoder is it not empty.
  std::string separator;
  /// The first token may give another text than it gives later (Metaspace).
  bool first_differs = false;
  /// The parts are raw bytes, of which those that are not UTF-8 turn into U+FFFD (ByteLevel).
  bool raw_bytes = false;
  /// Up to `strip_count` characters `strip_char` go from the front of the whole text.
  char32_t strip_char = 0;
  std::size_t strip_count = 0;
};

/// A decoder, or a sequence of them: a step for each token, then rules for the whole.
class TokenDecoder {
 public:
  /// Reads "decoder" of tokenizer.json (null or missing: tokens joined by spaces). Supported:
  /// ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip and sequences of them in which all
  /// steps on single tokens come first. Throws Error naming what is not supported.
  static TokenDecoder from_json(const boost::json::value* value, std::string_view where);

  /// What a token gives in the middle of a text, or as its first token.
  DecodedToken decode(std::string_view token, bool first = false) const;
  const DecodeRules& rules() const { return rules_; }

 private:
  /// Replace, Metaspace or Strip on a single token.
  struct Step {
    std::vector<Regex> pattern;  // one for Replace and Metaspace, none for Strip
    std::string content;         // the replacement; the character that Strip takes
    bool not_first = false;      // nothing is the replacement in the first token
    std::size_t start = 0;
    std::size_t stop = 0;
  };
  void add(const boost::json::value& value, const std::string& where, int depth);
  void add_strip(const JsonObject& object);
  void add_metaspace(const JsonObject& object);
  bool on_tokens() const { return !byte_fallback_ && !whole_; }

  std::vector<Step> steps_;
  bool byte_fallback_ = false;
  bool whole_ = false;  // tokens have been joined: Fuse or ByteLevel came
  DecodeRules rules_;
};

}  // namespace saccade::text
