#include "text/jinja/string_split.h"

#include <algorithm>

#include "text/jinja/fault.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// Where the last code point of the text starts.
std::size_t last_start(std::string_view text) {
  for (std::size_t back = 1; back <= 4 && back <= text.size(); ++back) {
    const std::size_t start = text.size() - back;
    if (decode_at(text, start).bytes == back) return start;
  }
  return text.size() - 1;
}

/// The bytes up to the next (or last, from the right) white space.
std::size_t word_length(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const CodePoint point = decode_at(text, end);
    if (is_space(point.value)) break;
    end += point.bytes;
  }
  return end;
}

std::size_t word_start(std::string_view text) {
  std::size_t start = text.size();
  while (start > 0) {
    const std::size_t before = last_start(text.substr(0, start));
    if (is_space(decode_at(text, before).value)) break;
    start = before;
  }
  return start;
}

}  // namespace

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       std::ptrdiff_t limit, bool from_right) {
  std::vector<std::string_view> parts;
  while (limit != 0) {
    const std::size_t at = from_right ? text.rfind(separator) : text.find(separator);
    if (at == std::string_view::npos) break;
    const std::size_t behind = at + separator.size();
    parts.push_back(from_right ? text.substr(behind) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(behind);
    --limit;
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at_spaces(std::string_view text, std::ptrdiff_t limit,
                                              bool from_right) {
  std::vector<std::string_view> parts;
  for (text = strip(text, !from_right, from_right); !text.empty(); --limit) {
    if (limit == 0) {
      parts.push_back(text);  // with the white space at its far end
      break;
    }
    const std::size_t cut = from_right ? word_start(text) : word_length(text);
    parts.push_back(from_right ? text.substr(cut) : text.substr(0, cut));
    text = from_right ? text.substr(0, cut) : text.substr(cut);
    text = strip(text, !from_right, from_right);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_at(text, i);
    const std::size_t end = i;
    i += point.bytes;
    if (!is_line_break(point.value)) continue;
    if (point.value == U'\r' && i < text.size() && text[i] == '\n') ++i;
    lines.push_back(text.substr(start, (keep_ends ? i : end) - start));
    start = i;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::string_view strip_chars(std::string_view text, std::u32string_view chars, bool left,
                             bool right) {
  while (left && !text.empty()) {
    const CodePoint point = decode_at(text, 0);
    if (chars.find(point.value) == std::u32string_view::npos) break;
    text.remove_prefix(point.bytes);
  }
  while (right && !text.empty()) {
    const std::size_t start = last_start(text);
    if (chars.find(decode_at(text, start).value) == std::u32string_view::npos) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string replace_all(Runtime& runtime, std::string_view text, std::string_view old_text,
                        std::string_view new_text, std::ptrdiff_t count) {
  std::string out;
  runtime.charge_search(text.size(), old_text.size());
  std::size_t position = 0;
  while (count != 0) {
    const std::size_t at = text.find(old_text, position);
    if (at == std::string_view::npos) break;
    out += text.substr(position, at - position);
    out += new_text;
    runtime.charge(new_text.size() + 1);
    position = at + old_text.size();
    --count;
    if (!old_text.empty()) continue;
    // Nothing is found before every character, and at the end.
    if (position == text.size()) return out;
    const std::size_t bytes = decode_at(text, position).bytes;
    out += text.substr(position, bytes);
    position += bytes;
  }
  out += text.substr(position);
  return out;
}

std::string justify_text(Runtime& runtime, std::string_view text, Integer width, char32_t fill,
                         char align) {
  const auto size = static_cast<Integer>(count_code_points(text));
  if (width <= size) return std::string(text);
  if (width > static_cast<Integer>(kMaxTextBytes / 4))
    raise("a width of over {} bytes", kMaxTextBytes);
  const Integer missing = width - size;
  // As CPython centers: the odd space goes left where the width is odd.
  const Integer left = align == '<'   ? 0
                       : align == '^' ? missing / 2 + (missing & width & 1)
                                      : missing;
  std::string out;
  runtime.charge(static_cast<std::size_t>(width));
  for (Integer i = 0; i < left; ++i) append_utf8(out, fill);
  out += text;
  for (Integer i = left; i < missing; ++i) append_utf8(out, fill);
  return out;
}

}  // namespace saccade::text::jinja
