#include "base/utf8.h"

#include <utf8proc.h>

namespace saccade {

Utf8Character take_character(std::string_view& text) {
  utf8proc_int32_t code_point = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  if (size < 1) {
    size = 1;
    code_point = -1;
  }
  const Utf8Character character{code_point, text.substr(0, static_cast<std::size_t>(size))};
  text.remove_prefix(character.bytes.size());
  return character;
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const Utf8Character character = take_character(text);
    valid += character.code_point < 0 ? kReplacementCharacter : character.bytes;
  }
  return valid;
}

}  // namespace saccade
