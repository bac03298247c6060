#include "compute/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace saccade::compute {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

std::int32_t argmax(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

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
  if (params_.repetition_penalty != 1.0) seen_.insert(prompt.begin(), prompt.end());
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
  if (params_.repetition_penalty != 1.0) seen_.insert(id);
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
  std::vector<std::int32_t> ids = largest_logits(logits, limit);
  std::vector<double> weights(ids.size());
  const double top = logits[ids[0]];
  double total = 0.0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    weights[i] = std::exp((logits[ids[i]] - top) / params_.temperature);
    total += weights[i];
  }
  // Top-p keeps the shortest head of the list that holds at least p; min-p what is at least that
  // share of the likeliest. The likeliest always stays.
  std::size_t kept = 0;
  double sum = 0.0;
  while (kept < ids.size()) {
    if (kept > 0 && (sum >= params_.top_p * total || weights[kept] < params_.min_p)) break;
    if (kept > 0 && weights[kept] == 0.0) break;  // such as what is not allowed
    sum += weights[kept++];
  }
  double target = random_.uniform() * sum;
  for (std::size_t i = 0; i < kept; ++i) {
    target -= weights[i];
    if (target < 0) return ids[i];
  }
  return ids[kept - 1];
}

std::vector<std::int32_t> largest_logits(std::span<const float> logits, std::size_t count) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  count = std::min(count, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  ids.resize(count);
  return ids;
}

void SamplerSlots::assign(int slot, const SamplingParams& params, std::uint64_t seed,
                          std::span<const std::int32_t> prompt) {
  samplers_[slot].emplace(params, seed, prompt);
}

}  // namespace saccade::compute
