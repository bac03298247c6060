#include "grammar/token_set.h"

#include <algorithm>

namespace saccade::grammar {
namespace {

/// Few enough tokens to be set one by one: a mask of 150,000 tokens has 2,400 words.
constexpr std::size_t kFew = 1'000;
/// Costs with a bitmap of their own. Tokens of more characters are few (2 % of Qwen2.5's).
constexpr std::uint32_t kBitmaps = 16;

void add(TokenBits bits, const std::vector<std::uint64_t>& more) {
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= more[i];
}

}  // namespace

TokenSet::TokenSet(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& tokens,
                   std::size_t words) {
  const bool few = tokens.size() <= kFew;
  for (const auto& [cost, token] : tokens) max_cost_ = std::max(max_cost_, cost);
  if (!few) {
    all_.assign(words, 0);
    up_to_.resize(std::min(max_cost_, kBitmaps), std::vector<std::uint64_t>(words, 0));
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> listed;
  for (const auto& [cost, token] : tokens) {
    if (!few) set_token(all_, token);
    if (cost < up_to_.size()) {
      set_token(up_to_[cost], token);
    } else if (few || max_cost_ > 0) {
      listed.emplace_back(cost, token);
    }
  }
  for (std::size_t cost = 1; cost < up_to_.size(); ++cost) add(up_to_[cost], up_to_[cost - 1]);
  std::ranges::sort(listed);
  for (const auto& [cost, token] : listed) {
    costs_.push_back(cost);
    tokens_.push_back(token);
  }
}

void TokenSet::add_to(TokenBits bits, std::uint64_t room) const {
  const auto too_dear =
      static_cast<std::size_t>(std::ranges::upper_bound(costs_, room) - costs_.begin());
  if (all_.empty()) {
    for (std::size_t i = 0; i < too_dear; ++i) set_token(bits, tokens_[i]);
  } else if (room >= max_cost_) {
    add(bits, all_);
  } else if (room < up_to_.size()) {
    add(bits, up_to_[static_cast<std::size_t>(room)]);
  } else {
    std::vector<std::uint64_t> affordable = all_;
    for (std::size_t i = too_dear; i < tokens_.size(); ++i) {
      clear_token(affordable, tokens_[i]);
    }
    add(bits, affordable);
  }
}

std::size_t TokenSet::memory_bytes() const {
  return tokens_.size() * 8 + (1 + up_to_.size()) * all_.size() * 8;
}

}  // namespace saccade::grammar
