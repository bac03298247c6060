#include "server/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace saccade::server {
namespace {

constexpr std::int8_t kOther = -1;
constexpr std::int8_t kSkipped = -2;
constexpr std::int8_t kPadding = -3;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(kOther);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  for (const char c : {' ', '\t', '\r', '\n'}) values[static_cast<unsigned char>(c)] = kSkipped;
  values['='] = kPadding;
  return values;
}();

}  // namespace

std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int digits = 0;  // of the group of four
  int padding = 0;
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kSkipped) continue;
    if (value == kPadding) {
      ++padding;
      continue;
    }
    if (value == kOther || padding > 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++digits < 4) continue;
    for (const int shift : {16, 8, 0})
      bytes.push_back(static_cast<std::byte>(bits >> shift & 0xFF));
    bits = 0;
    digits = 0;
  }
  if (digits == 1 || (padding > 0 && digits + padding != 4)) return std::nullopt;
  // Two digits are one byte and four bits that must be zero, three are two bytes and two bits.
  const int spare = digits == 2 ? 4 : 2;
  if (digits > 0 && (bits & ((1U << spare) - 1)) != 0) return std::nullopt;
  for (int left = digits - 1; left > 0; --left) {
    bytes.push_back(static_cast<std::byte>(bits >> (spare + 8 * (left - 1)) & 0xFF));
  }
  return bytes;
}

std::string encode_base64(std::span<const std::byte> bytes) {
  constexpr std::size_t kGroup = 3;
  std::string text;
  text.reserve((bytes.size() + kGroup - 1) / kGroup * 4);
  for (std::size_t i = 0; i < bytes.size(); i += kGroup) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < kGroup; ++j) {
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<std::uint32_t>(bytes[i + j]) : 0);
    }
    // n bytes are n + 1 digits.
    const std::size_t digits = std::min(kGroup, bytes.size() - i) + 1;
    for (std::size_t j = 0; j < 4; ++j) {
      text += j < digits ? kAlphabet[bits >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

}  // namespace saccade::server
