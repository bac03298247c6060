#include "text/jinja/word_wrap.h"

#include <algorithm>

#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

using Text = std::u32string;
using View = std::u32string_view;

/// textwrap splits at ASCII white space only.
bool is_blank(char32_t c) {
  return c == U' ' || (c >= U'\t' && c <= U'\r');
}

bool is_letter(char32_t c) {
  return is_alpha(c) || c == U'_';
}

/// A hyphen after which a word may be broken: letters, or digits and letters, on its left, and two
/// letters on its right.
bool breaks_after_hyphen(View word, std::size_t hyphen) {
  const bool left = hyphen >= 2 && (is_letter(word[hyphen - 1])) &&
                    (is_letter(word[hyphen - 2]) || word[hyphen - 2] == U'-');
  const std::size_t right = hyphen + 1;
  if (!left || right >= word.size() || !is_letter(word[right])) return false;
  if (right + 1 >= word.size()) return false;
  const bool pair = is_letter(word[right + 1]);
  const bool around_hyphen =
      word[right + 1] == U'-' && right + 2 < word.size() && is_letter(word[right + 2]);
  return pair || around_hyphen;
}

/// A run of two or more hyphens that stands between words is a chunk of its own.
std::size_t dash_length(View word, std::size_t at) {
  std::size_t end = at;
  while (end < word.size() && word[end] == U'-') ++end;
  const bool before =
      at > 0 && (is_alnum(word[at - 1]) || View(U"_!\"'&.,?").find(word[at - 1]) != View::npos);
  const bool after = end < word.size() && (is_alnum(word[end]) || word[end] == U'_');
  return end - at >= 2 && before && after ? end - at : 0;
}

void split_word(View word, bool on_hyphens, std::vector<Text>& chunks) {
  std::size_t start = 0;
  for (std::size_t i = 0; on_hyphens && i < word.size(); ++i) {
    if (word[i] != U'-') continue;
    if (const std::size_t dash = dash_length(word, i)) {
      if (i > start) chunks.emplace_back(word.substr(start, i - start));
      chunks.emplace_back(word.substr(i, dash));
      start = i + dash;
      i = start - 1;
    } else if (breaks_after_hyphen(word, i)) {
      chunks.emplace_back(word.substr(start, i + 1 - start));
      start = i + 1;
    }
  }
  if (start < word.size()) chunks.emplace_back(word.substr(start));
}

std::vector<Text> split_chunks(View text, bool on_hyphens) {
  std::vector<Text> chunks;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    const bool blank = is_blank(text[i]);
    while (end < text.size() && is_blank(text[end]) == blank) ++end;
    if (blank) {
      chunks.emplace_back(text.substr(i, end - i));
    } else {
      split_word(text.substr(i, end - i), on_hyphens, chunks);
    }
    i = end;
  }
  return chunks;
}

bool is_blank_chunk(const Text& chunk) {
  return std::all_of(chunk.begin(), chunk.end(), is_blank);
}

/// Where a word that does not fit is cut: behind its last hyphen within the space, else anywhere.
std::size_t cut_of(const Text& word, std::size_t space, bool on_hyphens) {
  if (!on_hyphens || word.size() <= space) return space;
  const std::size_t hyphen = word.rfind(U'-', space == 0 ? 0 : space - 1);
  const bool found = hyphen != Text::npos && hyphen > 0 && word.find_first_not_of(U'-') < hyphen;
  return found ? hyphen + 1 : space;
}

}  // namespace

std::vector<std::string> wrap_words(std::string_view paragraph, const WrapStyle& style) {
  std::vector<Text> chunks = split_chunks(to_code_points(paragraph), style.break_on_hyphens);
  std::reverse(chunks.begin(), chunks.end());
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    if (!lines.empty() && is_blank_chunk(chunks.back())) chunks.pop_back();
    std::vector<Text> line;
    std::size_t length = 0;
    while (!chunks.empty() && length + chunks.back().size() <= style.width) {
      length += chunks.back().size();
      line.push_back(std::move(chunks.back()));
      chunks.pop_back();
    }
    if (!chunks.empty() && chunks.back().size() > style.width) {
      const std::size_t space = std::max<std::size_t>(style.width - length, 1);
      if (style.break_long_words) {
        const std::size_t cut = cut_of(chunks.back(), space, style.break_on_hyphens);
        line.push_back(chunks.back().substr(0, cut));
        chunks.back().erase(0, cut);
      } else if (line.empty()) {
        line.push_back(std::move(chunks.back()));
        chunks.pop_back();
      }
    }
    if (!line.empty() && is_blank_chunk(line.back())) line.pop_back();
    if (line.empty()) continue;
    Text joined;
    for (const Text& chunk : line) joined += chunk;
    lines.push_back(to_utf8(joined));
  }
  return lines;
}

}  // namespace saccade::text::jinja
