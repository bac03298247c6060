#include "grammar/program.h"

#include <algorithm>
#include <bit>

namespace saccade::grammar {

void Bits::add(const Bits& other) {
  words_.resize(std::max(words_.size(), other.words_.size()), 0);
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

std::size_t Bits::count_without(const Bits& other) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::uint64_t without = i < other.words_.size() ? other.words_[i] : 0;
    count += static_cast<std::size_t>(std::popcount(words_[i] & ~without));
  }
  return count;
}

std::size_t Bits::first_without(const Bits& other) const {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::uint64_t left = words_[i] & ~(i < other.words_.size() ? other.words_[i] : 0);
    if (left != 0) return i * 64 + static_cast<std::size_t>(std::countr_zero(left));
  }
  return kNone;
}

}  // namespace saccade::grammar
