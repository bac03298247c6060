// Python's textwrap.wrap, with expand_tabs and replace_whitespace off.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::text::jinja {

struct WrapStyle {
  std::size_t width = 79;
  bool break_long_words = true;
  bool break_on_hyphens = true;
};

/// The lines that the words of one paragraph fill.
std::vector<std::string> wrap_words(std::string_view paragraph, const WrapStyle& style);

}  // namespace saccade::text::jinja
