// Cutting and filling text the way Python's str does; shared by methods and filters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/runtime.h"

namespace saccade::text::jinja {

/// str.split(separator, limit); a negative limit is none.
std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       std::ptrdiff_t limit, bool from_right);
/// str.split() at runs of white space.
std::vector<std::string_view> split_at_spaces(std::string_view text, std::ptrdiff_t limit,
                                              bool from_right);
/// str.splitlines().
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);
/// str.strip(chars).
std::string_view strip_chars(std::string_view text, std::u32string_view chars, bool left,
                             bool right);
/// str.replace(old, new, count); a negative count is all.
std::string replace_all(Runtime& runtime, std::string_view text, std::string_view old_text,
                        std::string_view new_text, std::ptrdiff_t count);
/// str.center, ljust and rjust, for align ^, < and >.
std::string justify_text(Runtime& runtime, std::string_view text, Integer width, char32_t fill,
                         char align);

}  // namespace saccade::text::jinja
