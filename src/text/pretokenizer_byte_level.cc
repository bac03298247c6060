#include "text/pretokenizer_byte_level.h"

#include <array>
#include <cstdint>

#include "text/unicode.h"

namespace saccade::text {
namespace {

/// Characters used beyond the 188 bytes that are printable in Latin-1: U+0100 and those after it.
constexpr char32_t kFirstSubstitute = 0x100;
constexpr char32_t kEnd = 0x144;  // behind the last one

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteAlphabet {
  std::array<char32_t, 256> char_of{};
  std::array<std::int16_t, kEnd> byte_of{};  // -1 where a character stands for no byte
};

constexpr ByteAlphabet make_alphabet() {
  ByteAlphabet alphabet;
  alphabet.byte_of.fill(-1);
  char32_t next = kFirstSubstitute;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t value = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.char_of[byte] = value;
    alphabet.byte_of[value] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr ByteAlphabet kAlphabet = make_alphabet();

}  // namespace

void append_byte_level(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const char32_t value = kAlphabet.char_of[static_cast<std::uint8_t>(c)];
    if (value < 0x80) {
      out.push_back(static_cast<char>(value));
    } else {
      append_utf8(out, value);
    }
  }
}

bool append_bytes_of_byte_level(std::string& out, std::string_view text) {
  const std::size_t size_before = out.size();
  while (!text.empty()) {
    const DecodedChar decoded = decode_utf8(text);
    text.remove_prefix(decoded.size);
    const bool known = decoded.state == DecodedChar::State::kValid && decoded.value < kEnd &&
                       kAlphabet.byte_of[decoded.value] >= 0;
    if (!known) {
      out.resize(size_before);
      return false;
    }
    out.push_back(static_cast<char>(kAlphabet.byte_of[decoded.value]));
  }
  return true;
}

}  // namespace saccade::text
