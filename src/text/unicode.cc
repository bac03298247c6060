#include "text/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace saccade::text {
namespace {

constexpr std::size_t kLongestExcerpt = 120;

/// What the first byte of a sequence says: how many bytes follow and the range of the second one,
/// which excludes overlong forms, surrogates and values over U+10FFFF.
struct Lead {
  std::uint8_t following = 0;
  std::uint8_t second_low = 0x80;
  std::uint8_t second_high = 0xBF;
};

Lead lead_of(std::uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1, 0x80, 0xBF};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2, 0x80, 0xBF};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {3, 0x80, 0xBF};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  return {};
}

/// Length of the ASCII run at the front of `text`.
std::size_t ascii_prefix(std::string_view text) {
  std::size_t size = 0;
  while (size + 8 <= text.size()) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + size, 8);
    if (word & 0x8080808080808080ULL) break;
    size += 8;
  }
  while (size < text.size() && static_cast<std::uint8_t>(text[size]) < 0x80) ++size;
  return size;
}

}  // namespace

DecodedChar decode_utf8(std::string_view text) {
  using State = DecodedChar::State;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, State::kValid};
  const Lead lead = lead_of(first);
  if (lead.following == 0) return {};
  char32_t value = first & (0x3F >> lead.following);
  for (std::uint8_t i = 1; i <= lead.following; ++i) {
    if (i == text.size()) return {kReplacementCharacter, i, State::kTruncated};
    const std::uint8_t low = i == 1 ? lead.second_low : 0x80;
    const std::uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (byte(i) < low || byte(i) > high) return {kReplacementCharacter, i, State::kInvalid};
    value = value << 6 | (byte(i) & 0x3F);
  }
  return {value, static_cast<std::uint8_t>(lead.following + 1), State::kValid};
}

void append_utf8(std::string& out, char32_t value) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto put_tail = [&](int shift) { put(0x80 | (value >> shift & 0x3F)); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0 | value >> 6);
    put_tail(0);
  } else if (value < 0x10000) {
    put(0xE0 | value >> 12);
    put_tail(6);
    put_tail(0);
  } else {
    put(0xF0 | value >> 18);
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t size = 0;
  while (true) {
    size += ascii_prefix(text.substr(size));
    if (size == text.size()) return size;
    const DecodedChar next = decode_utf8(text.substr(size));
    if (next.state != DecodedChar::State::kValid) return size;
    size += next.size;
  }
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const std::size_t valid = valid_utf8_prefix(text);
    out.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) return out;
    append_utf8(out, kReplacementCharacter);
    text.remove_prefix(decode_utf8(text).size);
  }
}

bool is_whitespace(char32_t value) {
  if (value < 0x80) return value == ' ' || (value >= '\t' && value <= '\r');
  return value == 0x85 || value == 0xA0 || value == 0x1680 ||
         (value >= 0x2000 && value <= 0x200A) || value == 0x2028 || value == 0x2029 ||
         value == 0x202F || value == 0x205F || value == 0x3000;
}

bool is_ascii(std::string_view text) {
  return ascii_prefix(text) == text.size();
}

std::string in_quotes(std::string_view text) {
  std::string line = replace_invalid_utf8(text.substr(0, kLongestExcerpt));
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  std::replace_if(line.begin(), line.end(), control, ' ');
  return fmt::format("\"{}{}\"", line, text.size() > kLongestExcerpt ? "..." : "");
}

}  // namespace saccade::text
