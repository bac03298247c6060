#include "text/normalizer_precompiled.h"

#include <utf8proc.h>

#include <cstring>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

constexpr std::size_t kLongestWholeGrapheme = 5;  // bytes
constexpr std::size_t kMaxOutputBytes = std::size_t{1} << 30;

// A unit of the double array (darts-clone): bits 0-7 and 31 its label, or with bit 31 a value in
// the others; bit 8 says that a value follows, bits 10-30 shifted by bit 9 are the offset of its
// children.
bool has_value(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t value_of(std::uint32_t unit) {
  return unit & 0x7FFFFFFF;
}
std::uint32_t label_of(std::uint32_t unit) {
  return unit & 0x800000FF;
}
std::uint32_t offset_of(std::uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200) >> 6);
}

/// The number that a base64 digit stands for, or -1.
int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

PrecompiledCharsmap::PrecompiledCharsmap(std::string_view bytes, std::string_view where) {
  if (bytes.empty()) return;  // no rules
  std::uint32_t trie_bytes = 0;
  if (bytes.size() < sizeof trie_bytes) fail("{}: the charsmap is cut short", where);
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  bytes.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > bytes.size() || trie_bytes % sizeof(std::uint32_t) != 0) {
    fail("{}: the charsmap claims a trie of {} bytes, {} are left", where, trie_bytes,
         bytes.size());
  }
  units_.resize(trie_bytes / sizeof(std::uint32_t));
  if (!units_.empty()) std::memcpy(units_.data(), bytes.data(), trie_bytes);
  replacements_ = bytes.substr(trie_bytes);
  if (!is_valid_utf8(replacements_)) {
    fail("{}: the replacements of the charsmap are not UTF-8", where);
  }
}

std::string_view PrecompiledCharsmap::replacement(std::string_view key) const {
  if (units_.empty()) return {};
  std::size_t at = offset_of(units_[0]);
  for (const char c : key) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte == 0) return {};
    at ^= byte;
    if (at >= units_.size() || label_of(units_[at]) != byte) return {};
    const std::uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_value(unit)) continue;
    if (at >= units_.size()) return {};
    const std::size_t begin = value_of(units_[at]);
    if (begin > replacements_.size()) return {};
    const std::string_view rest = std::string_view(replacements_).substr(begin);
    // A damaged table may point into the middle of a character.
    if (!rest.empty() && (static_cast<std::uint8_t>(rest[0]) & 0xC0) == 0x80) return {};
    return rest.substr(0, rest.find('\0'));
  }
  return {};
}

std::string PrecompiledCharsmap::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  const auto put = [&](std::string_view key) {
    const std::string_view found = replacement(key);
    if (!found.data()) return false;
    if (out.size() + found.size() > kMaxOutputBytes) fail("normalized text takes over 1 GiB");
    out += found;
    return true;
  };
  const auto put_grapheme = [&](std::string_view grapheme) {
    if (grapheme.size() <= kLongestWholeGrapheme && put(grapheme)) return;
    while (!grapheme.empty()) {
      const std::string_view character = grapheme.substr(0, decode_utf8(grapheme).size);
      if (!put(character)) out += character;
      grapheme.remove_prefix(character.size());
    }
  };
  std::size_t begin = 0;
  utf8proc_int32_t state = 0;
  utf8proc_int32_t previous = -1;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar decoded = decode_utf8(text.substr(at));
    const auto value = static_cast<utf8proc_int32_t>(decoded.value);
    if (previous >= 0 && utf8proc_grapheme_break_stateful(previous, value, &state)) {
      put_grapheme(text.substr(begin, at - begin));
      begin = at;
    }
    previous = value;
    at += decoded.size;
  }
  put_grapheme(text.substr(begin));
  return out;
}

std::string decode_base64(std::string_view text, std::string_view where) {
  const std::size_t digits = text.find_last_not_of('=') + 1;
  if (text.size() % 4 != 0 || text.size() - digits > 2) {
    fail("{}: not base64: its length or its end is wrong", where);
  }
  std::string bytes;
  bytes.reserve(digits / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, digits)) {
    const int digit = base64_digit(c);
    if (digit < 0) fail("{}: not base64", where);
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return bytes;
}

}  // namespace saccade::text
