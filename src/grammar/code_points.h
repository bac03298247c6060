// Sets of Unicode characters, and the UTF-8 byte sequences that spell them.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace saccade::grammar {

/// A set of code points as sorted ranges that neither touch nor overlap. Surrogates are never
/// members: no UTF-8 text holds them.
class CodePointSet {
 public:
  CodePointSet() = default;
  CodePointSet(char32_t low, char32_t high) { add(low, high); }

  void add(char32_t low, char32_t high);
  void add(const CodePointSet& other);
  CodePointSet negated() const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<std::pair<char32_t, char32_t>>& ranges() const { return ranges_; }

  static CodePointSet all() { return CodePointSet().negated(); }

 private:
  std::vector<std::pair<char32_t, char32_t>> ranges_;
};

/// One to four ranges of bytes; every choice of a byte from each spells a character.
struct Utf8Sequence {
  std::array<std::pair<std::uint8_t, std::uint8_t>, 4> bytes;
  int length = 0;
};

/// The sequences that together spell exactly the characters of `set`.
std::vector<Utf8Sequence> utf8_sequences(const CodePointSet& set);

}  // namespace saccade::grammar
