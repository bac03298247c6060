#include "compute/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace saccade::compute {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
// The exponential of what is lower is nothing beside 1 in double precision: below 2^-53.
constexpr double kLowest = -37.0;

/// An integer that grows with a number; -0 is 0. The largest of integers is found with vectors,
/// that of floats one by one, since one of them might be no number.
std::int32_t order_of(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x + 0.0f);
  return bits ^ (bits >> 31 & std::numeric_limits<std::int32_t>::max());
}

/// The largest number(logit). Sixteen are looked for side by side: vectors that need not wait for
/// one another.
template <typename Number>
std::int32_t largest(std::span<const float> logits, const Number& number) {
  constexpr std::size_t kLanes = 16;
  std::array<std::int32_t, kLanes> lanes;
  lanes.fill(std::numeric_limits<std::int32_t>::min());
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = std::max(lanes[lane], number(logits[i + lane]));
    }
  }
  for (; i < logits.size(); ++i) lanes[0] = std::max(lanes[0], number(logits[i]));
  return *std::ranges::max_element(lanes);
}

/// The first of the largest.
std::int32_t argmax(std::span<const float> logits) {
  constexpr std::size_t kBlock = 1024;
  std::size_t first = 0;
  std::int32_t highest = std::numeric_limits<std::int32_t>::min();
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const std::span block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    const std::int32_t order = largest(block, order_of);
    if (order <= highest) continue;
    highest = order;
    first = begin;
  }
  while (order_of(logits[first]) != highest) ++first;
  return static_cast<std::int32_t>(first);
}

/// The ids of logits, the largest first and the lower id first among equals; sorted as far as
/// somebody has looked, since of a hundred thousand mostly a few dozen matter.
class Ranking {
 public:
  /// The first `size` of them.
  Ranking(std::span<const float> logits, std::size_t size) : logits_(logits), size_(size) {
    ids_.resize(logits.size());
    std::iota(ids_.begin(), ids_.end(), 0);
  }

  std::size_t size() const { return size_; }
  std::int32_t operator[](std::size_t rank) {
    if (rank >= sorted_) sort_to(std::max(rank + 1, kGrowth * sorted_));
    return ids_[rank];
  }
  std::vector<std::int32_t> take() {
    sort_to(size_);
    ids_.resize(size_);
    return std::move(ids_);
  }

 private:
  static constexpr std::size_t kFirst = 64, kGrowth = 4;

  void sort_to(std::size_t count) {
    count = std::min(std::max(count, kFirst), size_);
    const auto at = [&](std::size_t rank) {
      return ids_.begin() + static_cast<std::ptrdiff_t>(rank);
    };
    std::partial_sort(at(sorted_), at(count), ids_.end(), [&](std::int32_t a, std::int32_t b) {
      return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
    });
    sorted_ = count;
  }

  std::span<const float> logits_;
  std::size_t size_;
  std::vector<std::int32_t> ids_;
  std::size_t sorted_ = 0;
};

}  // namespace

double Random::uniform() {
  state_ += 0x9e3779b97f4a7c15u;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

Sampler::Sampler(const SamplingParams& params, std::uint64_t seed,
                 std::span<const std::int32_t> prompt)
    : params_(params), random_(seed) {
  note(prompt);
}

void Sampler::note(std::span<const std::int32_t> ids) {
  if (params_.repetition_penalty != 1.0) seen_.insert(ids.begin(), ids.end());
}

bool all_finite(std::span<const float> logits) {
  constexpr std::int32_t kMagnitude = 0x7fffffff;
  constexpr std::int32_t kInfinity = 0x7f800000;
  const auto magnitude = [](float x) { return std::bit_cast<std::int32_t>(x) & kMagnitude; };
  return largest(logits, magnitude) < kInfinity;
}

std::int32_t Sampler::choose(std::span<float> logits) {
  const auto penalty = static_cast<float>(params_.repetition_penalty);
  for (const std::int32_t id : seen_) {
    if (static_cast<std::size_t>(id) >= logits.size()) continue;
    logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
  }
  if (!allowed_.empty()) forbid(logits);
  const std::int32_t id = params_.temperature == 0.0 ? argmax(logits) : draw(logits);
  if (logits[id] == kForbidden) return -1;
  note({&id, 1});
  return id;
}

void Sampler::forbid(std::span<float> logits) const {
  constexpr std::size_t kBits = 64;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    const std::size_t word = id / kBits;
    const bool allowed = word < allowed_.size() && (allowed_[word] >> (id % kBits) & 1) != 0;
    if (!allowed) logits[id] = kForbidden;
  }
}

std::int32_t Sampler::draw(std::span<const float> logits) {
  const std::size_t limit = params_.top_k > 0 ? params_.top_k : logits.size();
  Ranking ranking(logits, std::min(limit, logits.size()));
  const double top = logits[ranking[0]];
  const auto weight_of = [&](std::int32_t id) {
    return std::exp((logits[id] - top) / params_.temperature);
  };
  double total = 0.0;
  if (ranking.size() == logits.size()) {
    // Of all there are no more sorted than are looked at below.
    for (const float logit : logits) {
      const double exponent = (logit - top) / params_.temperature;
      if (exponent > kLowest) total += std::exp(exponent);
    }
  } else {
    for (std::size_t i = 0; i < ranking.size(); ++i) total += weight_of(ranking[i]);
  }
  // Top-p keeps the shortest head of the list that holds at least p; min-p what is at least that
  // share of the likeliest. The likeliest always stays. Without either all stay, and the draw says
  // how far the list is looked at.
  const bool cut = params_.top_p < 1.0 || params_.min_p > 0.0;
  const double uniform = random_.uniform();
  double end = cut ? std::numeric_limits<double>::infinity() : uniform * total;
  weights_.clear();
  double sum = 0.0;
  while (weights_.size() < ranking.size() && sum <= end) {
    const double weight = weight_of(ranking[weights_.size()]);
    if (!weights_.empty()) {
      if (cut && (sum >= params_.top_p * total || weight < params_.min_p)) break;
      if (weight == 0.0) break;  // such as what is not allowed
    }
    weights_.push_back(weight);
    sum += weight;
  }
  double target = cut ? uniform * sum : end;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    target -= weights_[i];
    if (target < 0) return ranking[i];
  }
  return ranking[weights_.size() - 1];
}

std::vector<std::int32_t> largest_logits(std::span<const float> logits, std::size_t count) {
  return Ranking(logits, std::min(count, logits.size())).take();
}

void SamplerSlots::assign(int slot, const SamplingParams& params, std::uint64_t seed,
                          std::span<const std::int32_t> prompt) {
  samplers_[slot].emplace(params, seed, prompt);
}

}  // namespace saccade::compute
