// The text of a JSON string: from bytes with escapes to the characters they stand for.
#pragma once

#include <array>
#include <string_view>

#include "grammar/dfa.h"
#include "grammar/machine.h"

namespace saccade::grammar {

enum class TextStep : std::uint8_t { kRefused, kInside, kQuote };

inline bool begins_character(std::uint8_t byte) {
  return (byte & 0xC0) != 0x80;
}

/// The hash of a text (FNV-1a) that goes on from one with hash `before`.
inline std::uint64_t hash_text(std::uint64_t before, std::string_view bytes) {
  for (const char byte : bytes) before = (before ^ static_cast<std::uint8_t>(byte)) * 0x100000001B3;
  return before;
}

/// One byte of the decoded value. False if the automaton or the length refuses it.
inline bool feed(Place& place, std::uint8_t byte, const Dfa& dfa, std::uint64_t max) {
  place.state = dfa.step(place.state, byte);
  if (place.state == Dfa::kDead) return false;
  if (begins_character(byte)) {
    if (place.count >= max) return false;
    ++place.count;
  }
  const char letter = static_cast<char>(byte);
  place.hash = hash_text(place.hash, {&letter, 1});
  if (place.text) place.text = std::make_shared<std::string>(*place.text + letter);
  return true;
}

/// The letter behind a backslash that stands for `c`; 0 if there is none.
inline char short_escape(char32_t c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

/// Reads one byte of a string's text into `place`. In the generation style (`documents` false) each
/// character has one spelling: itself, or for control characters, quotes and backslashes the
/// shortest escape, with small letters in hexadecimal digits. `viable(place)` says whether a place
/// can still reach the end of a string, so that escapes are only begun that can be finished.
template <typename Viable>
TextStep step_text(Place& place, std::uint8_t byte, const Dfa& dfa, std::uint64_t max,
                   bool documents, const Viable& viable);

/// Feeds a character. False as feed().
bool feed_character(Place& place, char32_t value, const Dfa& dfa, std::uint64_t max);

namespace escapes {

/// Whether the escape that has begun in `place` spells `c` in the generation style, so far.
bool could_spell(const Escape& escape, char32_t c);

/// A hexadecimal digit's value; -1 for other bytes.
int hex_digit(std::uint8_t byte, bool capitals);

/// The character of \b, \n...; 0 for other letters.
char32_t short_meaning(std::uint8_t letter);

}  // namespace escapes

template <typename Viable>
bool escape_can_end(const Place& place, const Dfa& dfa, std::uint64_t max, const Viable& viable) {
  for (char32_t c = 0; c < 0x80; ++c) {
    if (c == 0x20) c = '"';
    if (c == '"' + 1) c = '\\';
    if (c > '\\') break;
    if (!escapes::could_spell(place.escape, c)) continue;
    Place after = place;
    if (feed_character(after, c, dfa, max) && viable(after)) return true;
  }
  return false;
}

template <typename Viable>
TextStep step_text(Place& place, std::uint8_t byte, const Dfa& dfa, std::uint64_t max,
                   bool documents, const Viable& viable) {
  Escape& escape = place.escape;
  const auto finish = [&](char32_t value) {
    escape = Escape();
    return feed_character(place, value, dfa, max) && viable(place) ? TextStep::kInside
                                                                   : TextStep::kRefused;
  };
  // Documents are read to their end anyway; what a model writes must never begin what has no end.
  const auto open = [&] {
    return documents || escape_can_end(place, dfa, max, viable) ? TextStep::kInside
                                                                : TextStep::kRefused;
  };
  switch (escape.phase) {
    case Escape::kNone:
      if (byte == '"') return TextStep::kQuote;
      if (byte < 0x20) return TextStep::kRefused;
      if (byte == '\\') {
        escape.phase = Escape::kBackslash;
        return open();
      }
      return feed(place, byte, dfa, max) && viable(place) ? TextStep::kInside : TextStep::kRefused;
    case Escape::kBackslash:
      if (byte == 'u') {
        escape = {.phase = Escape::kHex};
        return open();
      }
      if (byte == '/' && documents) return finish('/');
      if (const char32_t value = escapes::short_meaning(byte)) return finish(value);
      return TextStep::kRefused;
    case Escape::kLowSlash:
      escape.phase = Escape::kLowU;
      return byte == '\\' ? TextStep::kInside : TextStep::kRefused;
    case Escape::kLowU:
      escape.phase = Escape::kLowHex;
      return byte == 'u' ? TextStep::kInside : TextStep::kRefused;
    case Escape::kHex:
    case Escape::kLowHex:
      break;
  }
  const int digit = escapes::hex_digit(byte, documents);
  if (digit < 0) return TextStep::kRefused;
  escape.unit = static_cast<std::uint16_t>(escape.unit << 4 | digit);
  if (++escape.digits < 4) return open();
  const char32_t unit = escape.unit;
  if (escape.phase == Escape::kLowHex) {
    if (unit < 0xDC00 || unit > 0xDFFF) return TextStep::kRefused;
    return finish(0x10000 + ((char32_t{escape.high} - 0xD800) << 10) + (unit - 0xDC00));
  }
  if (unit >= 0xDC00 && unit <= 0xDFFF) return TextStep::kRefused;
  if (unit >= 0xD800 && unit < 0xDC00) {
    if (!documents) return TextStep::kRefused;
    escape = {.phase = Escape::kLowSlash, .high = escape.unit};
    return TextStep::kInside;
  }
  if (!documents && !escapes::could_spell(escape, unit)) return TextStep::kRefused;
  return finish(unit);
}

}  // namespace saccade::grammar
