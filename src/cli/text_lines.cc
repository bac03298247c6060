#include "cli/text_lines.h"

#include <utf8proc.h>

#include <cstdint>

namespace saccade::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Calls visit(code point, its bytes) for each character; code point -1 for a byte that is none.
template <typename Visit>
void each_character(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    utf8proc_int32_t code_point = -1;
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &code_point);
    if (size < 1) {
      size = 1;
      code_point = -1;
    }
    visit(code_point, text.substr(0, size));
    text.remove_prefix(size);
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

std::string valid_utf8(std::string_view text) {
  std::string valid;
  each_character(text, [&](std::int32_t code_point, std::string_view bytes) {
    valid += code_point < 0 ? kReplacement : bytes;
  });
  return valid;
}

std::string one_line(std::string_view text) {
  std::string line;
  each_character(text, [&](std::int32_t code_point, std::string_view bytes) {
    if (code_point < 0) {
      line += kReplacement;
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
      shown += kReplacement;
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
