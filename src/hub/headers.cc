#include "hub/headers.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace saccade::hub {
namespace {

// It goes into messages.
constexpr std::size_t kMaxErrorCode = 64;

/// A number at the beginning of `text`, which loses it; -1 when there is none.
std::int64_t take_number(std::string_view& text) {
  std::int64_t number = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return -1;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return number;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  const std::int64_t number = take_number(text);
  return number >= 0 && text.empty() ? std::optional(number) : std::nullopt;
}

std::optional<ContentRange> content_range(std::string_view text) {
  if (!take_prefix(text, "bytes ")) return std::nullopt;
  ContentRange range;
  range.range.begin = take_number(text);
  if (range.range.begin < 0 || !take_prefix(text, "-")) return std::nullopt;
  const std::int64_t last = take_number(text);
  if (last < range.range.begin || last == INT64_MAX || !take_prefix(text, "/")) return std::nullopt;
  range.range.end = last + 1;
  if (text == "*") return range;
  range.total = take_number(text);
  return range.total >= 0 && text.empty() ? std::optional(range) : std::nullopt;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

void begin_response(std::string_view status_line, ResponseHead& head) {
  ResponseHead fresh;
  fresh.linked_etag = std::move(head.linked_etag);
  fresh.linked_bytes = head.linked_bytes;
  const std::size_t space = status_line.find(' ');
  if (space != std::string_view::npos) {
    std::string_view code = status_line.substr(space + 1);
    fresh.status = static_cast<long>(std::clamp<std::int64_t>(take_number(code), 0, 999));
  }
  head = std::move(fresh);
}

}  // namespace

void read_header_line(std::string_view line, ResponseHead& head) {
  if (line.starts_with("HTTP/")) return begin_response(line, head);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = lower_case(trimmed(line.substr(0, colon)));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "etag") {
    head.etag = value;
  } else if (name == "x-linked-etag") {
    head.linked_etag = value;
  } else if (name == "x-linked-size") {
    head.linked_bytes = whole_number(value);
  } else if (name == "x-error-code") {
    head.error_code = value.substr(0, kMaxErrorCode);
  } else if (name == "content-length") {
    head.content_length = whole_number(value);
  } else if (name == "content-range") {
    head.content_range = content_range(value);
  }
}

}  // namespace saccade::hub
