// UTF-8 as the tokenizers see it: decoding with the usual replacement of what is broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace saccade::text {

inline constexpr char32_t kReplacementCharacter = U'\uFFFD';

/// One step of decoding UTF-8.
struct DecodedChar {
  enum class State : std::uint8_t {
    kValid,
    kInvalid,    ///< `size` bytes that begin no character: one U+FFFD stands for them
    kTruncated,  ///< the text ends inside a character; more bytes could complete it
  };
  char32_t value = kReplacementCharacter;
  std::uint8_t size = 1;  ///< bytes used; of a broken sequence its maximal valid beginning
  State state = State::kInvalid;
};

/// Decodes the character at the front of `text`, which must not be empty. Broken sequences are cut
/// into maximal subparts (Unicode 3.9, as Python's errors="replace" and Rust's from_utf8_lossy).
DecodedChar decode_utf8(std::string_view text);

void append_utf8(std::string& out, char32_t value);

/// Bytes at the front of `text` that are valid UTF-8.
std::size_t valid_utf8_prefix(std::string_view text);

inline bool is_valid_utf8(std::string_view text) {
  return valid_utf8_prefix(text) == text.size();
}

/// `text` with U+FFFD for each maximal subpart that is not UTF-8; a truncated end counts as one.
std::string replace_invalid_utf8(std::string_view text);

/// The Unicode property White_Space, which Rust's char::is_whitespace and Oniguruma's \s follow.
bool is_whitespace(char32_t value);

bool is_ascii(std::string_view text);

/// The beginning of `text` in quotes, fit for a one-line message whatever it holds.
std::string in_quotes(std::string_view text);

}  // namespace saccade::text
