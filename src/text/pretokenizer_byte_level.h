// The byte-level alphabet of GPT-2: every byte written as one printable character.
#pragma once

#include <string>
#include <string_view>

namespace saccade::text {

/// Appends each byte of `bytes` as the character that stands for it (one or two bytes of UTF-8).
void append_byte_level(std::string& out, std::string_view bytes);

/// Appends the bytes that the characters of `text` stand for and returns true; when one character
/// stands for no byte, appends nothing and returns false.
bool append_bytes_of_byte_level(std::string& out, std::string_view text);

}  // namespace saccade::text
