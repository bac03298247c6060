// Text by code point, with the character properties Python's str methods ask for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace saccade::text::jinja {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};

/// The code point at `position`. A byte that is not UTF-8 becomes U+DC00 + byte, as Python's
/// surrogateescape has it, and append_utf8 turns that back into the byte: no input is altered.
CodePoint decode_at(std::string_view text, std::size_t position);
void append_utf8(std::string& out, char32_t code_point);

std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view text);
std::size_t count_code_points(std::string_view text);
bool is_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);

// Python's str.isspace, isalpha, isdecimal, isdigit, isnumeric, isprintable, of one code point.
bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_alnum(char32_t c);
/// The value of a decimal digit of any script.
int decimal_value(char32_t c);
bool is_printable(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
/// A title-case letter, such as U+01C5.
bool is_title(char32_t c);
bool is_identifier_start(char32_t c);
bool is_identifier_part(char32_t c);
/// A line boundary of str.splitlines.
bool is_line_break(char32_t c);

// Full case mappings: one code point may become several (the German sharp s, ligatures).
std::u32string to_upper(std::u32string_view text);
std::u32string to_lower(std::u32string_view text);
/// The lower case of one character of a text: that of a sigma depends on what is around it.
std::u32string to_lower_at(std::u32string_view text, std::size_t position);
std::u32string to_title_case(char32_t c);
std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// The first character in title case, the rest in lower case: str.capitalize.
std::string capitalize(std::string_view text);

/// Without the white space (Unicode's) at the ends.
std::string_view strip(std::string_view text, bool left, bool right);

}  // namespace saccade::text::jinja
