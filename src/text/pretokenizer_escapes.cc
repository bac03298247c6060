#include "text/pretokenizer_escapes.h"

#include <fmt/format.h>

#include "text/unicode_classes.h"

namespace saccade::text {

std::string_view control_escape(char letter) {
  switch (letter) {
    case 'r':
      return "\\r";
    case 'n':
      return "\\n";
    case 't':
      return "\\t";
    case 'f':
      return "\\f";
    case 'e':
      return "\\x1B";
    case 'a':
      return "\\x07";
    case 'v':
      return "\\x0B";  // PCRE2's \v is a class
    default:
      return {};
  }
}

std::string items_of_letter(char letter) {
  switch (letter) {
    case 's':
      return whitespace_class();
    case 'd':
      return *class_of_property("Nd");
    case 'w':
      return oniguruma_word_class();
    case 'h':
      return "0-9a-fA-F";
    default:
      return {};
  }
}

std::string word_boundary(bool boundary) {
  const std::string word = fmt::format("[{}{}]", oniguruma_word_class(), kLatin1Words);
  return fmt::format("(?:(?<={0})(?{1}{0})|(?<!{0})(?{2}{0}))", word, boundary ? "!" : "=",
                     boundary ? "=" : "!");
}

}  // namespace saccade::text
