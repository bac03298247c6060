// Sets of tokens, laid out to be added to a mask quickly.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace saccade::grammar {

/// One bit for each token, in words of 64.
using TokenBits = std::span<std::uint64_t>;

inline void set_token(TokenBits bits, std::uint32_t token) {
  bits[token / 64] |= std::uint64_t{1} << (token % 64);
}

inline void clear_token(TokenBits bits, std::uint32_t token) {
  bits[token / 64] &= ~(std::uint64_t{1} << (token % 64));
}

/// Tokens with a cost each (characters of a string whose length is limited), to be added to masks
/// as far as they can be afforded.
class TokenSet {
 public:
  TokenSet() = default;
  /// Of (cost, token). `words` is the size of masks.
  TokenSet(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& tokens, std::size_t words);

  /// Sets the bits of the tokens that cost at most `room`.
  void add_to(TokenBits bits, std::uint64_t room) const;
  std::size_t memory_bytes() const;

 private:
  std::uint32_t max_cost_ = 0;
  std::vector<std::uint32_t> tokens_;  // by cost: all if they are few, else those above the bitmaps
  std::vector<std::uint32_t> costs_;   // of tokens_
  std::vector<std::uint64_t> all_;     // a bitmap, if they are many
  /// [n]: the bitmap of those that cost at most n, if they are many and differ in cost.
  std::vector<std::vector<std::uint64_t>> up_to_;
};

}  // namespace saccade::grammar
