// Walking through UTF-8 that may be broken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace saccade {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  ///< U+FFFD

struct Utf8Character {
  std::int32_t code_point = -1;  ///< -1: a byte that belongs to no character
  std::string_view bytes;
};

/// Takes the first character off a text that is not empty.
Utf8Character take_character(std::string_view& text);

/// The same text with bytes that are not UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace saccade
