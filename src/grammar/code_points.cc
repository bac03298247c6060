#include "grammar/code_points.h"

#include <algorithm>

namespace saccade::grammar {
namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr char32_t kFirstSurrogate = 0xD800;
constexpr char32_t kLastSurrogate = 0xDFFF;

int encode(char32_t value, std::array<std::uint8_t, 4>& out) {
  if (value < 0x80) {
    out[0] = static_cast<std::uint8_t>(value);
    return 1;
  }
  const int length = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
  for (int i = length - 1; i > 0; --i) {
    out[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(0x80 | (value & 0x3F));
    value >>= 6;
  }
  constexpr std::array<std::uint8_t, 5> kLead = {0, 0, 0xC0, 0xE0, 0xF0};
  out[0] = static_cast<std::uint8_t>(kLead[static_cast<std::size_t>(length)] | value);
  return length;
}

/// Splits [low, high] until all bytes but those after the first difference run over full ranges.
void split(char32_t low, char32_t high, std::vector<Utf8Sequence>& out) {
  for (const char32_t last : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
    if (low <= last && last < high) {
      split(low, last, out);
      split(last + 1, high, out);
      return;
    }
  }
  for (int i = 1; i < 4 && low >= 0x80; ++i) {
    const char32_t mask = (char32_t{1} << (6 * i)) - 1;
    if ((low & ~mask) == (high & ~mask)) break;
    if ((low & mask) != 0) {
      split(low, low | mask, out);
      split((low | mask) + 1, high, out);
      return;
    }
    if ((high & mask) != mask) {
      split(low, (high & ~mask) - 1, out);
      split(high & ~mask, high, out);
      return;
    }
  }
  std::array<std::uint8_t, 4> first{};
  std::array<std::uint8_t, 4> final{};
  Utf8Sequence sequence;
  sequence.length = encode(low, first);
  encode(high, final);
  for (std::size_t i = 0; i < 4; ++i) sequence.bytes[i] = {first[i], final[i]};
  out.push_back(sequence);
}

}  // namespace

void CodePointSet::add(char32_t low, char32_t high) {
  if (low < kFirstSurrogate && high > kLastSurrogate) {
    add(low, kFirstSurrogate - 1);
    add(kLastSurrogate + 1, high);
    return;
  }
  if (low >= kFirstSurrogate && low <= kLastSurrogate) low = kLastSurrogate + 1;
  if (high >= kFirstSurrogate && high <= kLastSurrogate) high = kFirstSurrogate - 1;
  if (low > high) return;
  std::vector<std::pair<char32_t, char32_t>> merged;
  for (const auto& range : ranges_) {
    if (range.second + 1 < low || high + 1 < range.first) {
      merged.push_back(range);
    } else {
      low = std::min(low, range.first);
      high = std::max(high, range.second);
    }
  }
  merged.insert(std::ranges::upper_bound(merged, std::pair(low, high)), {low, high});
  ranges_ = std::move(merged);
}

void CodePointSet::add(const CodePointSet& other) {
  for (const auto& [low, high] : other.ranges_) add(low, high);
}

CodePointSet CodePointSet::negated() const {
  CodePointSet result;
  char32_t next = 0;
  for (const auto& [low, high] : ranges_) {
    if (low > next) result.add(next, low - 1);
    next = high + 1;
  }
  if (next <= kLast) result.add(next, kLast);
  return result;
}

std::vector<Utf8Sequence> utf8_sequences(const CodePointSet& set) {
  std::vector<Utf8Sequence> sequences;
  for (const auto& [low, high] : set.ranges()) split(low, high, sequences);
  return sequences;
}

}  // namespace saccade::grammar
