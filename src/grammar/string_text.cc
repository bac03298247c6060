#include "grammar/string_text.h"

#include <string>

#include "text/unicode.h"

namespace saccade::grammar {

bool feed_character(Place& place, char32_t value, const Dfa& dfa, std::uint64_t max) {
  std::string bytes;
  text::append_utf8(bytes, value);
  for (const char byte : bytes) {
    if (!feed(place, static_cast<std::uint8_t>(byte), dfa, max)) return false;
  }
  return true;
}

namespace escapes {

bool could_spell(const Escape& escape, char32_t c) {
  if (escape.phase == Escape::kBackslash) return true;
  // Only control characters without a letter of their own are written by number.
  if (c >= 0x20 || short_escape(c) != 0) return false;
  return escape.unit == c >> (4 * (4 - escape.digits));
}

int hex_digit(std::uint8_t byte, bool capitals) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (capitals && byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

char32_t short_meaning(std::uint8_t letter) {
  switch (letter) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

}  // namespace escapes
}  // namespace saccade::grammar
