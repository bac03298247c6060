#include "cli/text_lines.h"

#include <utf8proc.h>

#include <cstdint>

#include "base/utf8.h"

namespace saccade::cli {
namespace {

/// Calls visit(code point, its bytes) for each character; code point -1 for a byte that is none.
template <typename Visit>
void each_character(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const Utf8Character character = take_character(text);
    visit(character.code_point, character.bytes);
  }
}

/// C0, DEL and C1.
bool is_control(std::int32_t code_point) {
  return (code_point >= 0 && code_point < 0x20) || (code_point >= 0x7F && code_point < 0xA0);
}

/// U+2028 and U+2029 break lines, too.
bool breaks_line(std::int32_t code_point) {
  return code_point == 0x2028 || code_point == 0x2029;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string line;
  each_character(text, [&](std::int32_t code_point, std::string_view bytes) {
    if (code_point < 0) {
      line += kReplacementCharacter;
    } else if (is_control(code_point) || breaks_line(code_point)) {
      line += ' ';
    } else {
      line += bytes;
    }
  });
  return line;
}

std::string terminal_text(std::string_view text) {
  std::string shown;
  each_character(text, [&](std::int32_t code_point, std::string_view bytes) {
    if (code_point < 0) {
      shown += kReplacementCharacter;
    } else if (!is_control(code_point) || code_point == '\n' || code_point == '\t') {
      shown += bytes;
    }
  });
  return shown;
}

int display_width(std::string_view text) {
  int width = 0;
  each_character(text, [&](std::int32_t code_point, std::string_view) {
    width += code_point < 0 ? 1 : utf8proc_charwidth(code_point);
  });
  return width;
}

}  // namespace saccade::cli
