// Choosing the next token.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

namespace saccade::compute {

/// Sampling settings with nothing left open.
struct SamplingParams {
  double temperature = 0.0;
  double top_p = 1.0;
  std::int64_t top_k = 0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
};

/// Uniform numbers by SplitMix64 (Steele, Lea and Flood, 2014): the same seed gives the same
/// numbers on every machine, which the standard library's distributions do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// In [0, 1).
  double uniform();

 private:
  std::uint64_t state_;
};

/// Whether all of them are numbers, and none is infinite.
bool all_finite(std::span<const float> logits);

/// Chooses one sequence's tokens, on the processor. Cuts are applied in the order of transformers:
/// repetition penalty (Keskar et al., 2019), temperature, top-k, top-p (Holtzman et al., 2019),
/// min-p (Nguyen et al., 2024).
class Sampler {
 public:
  /// `prompt` counts for the repetition penalty.
  Sampler(const SamplingParams& params, std::uint64_t seed, std::span<const std::int32_t> prompt);

  /// Of the next tokens those whose bit is set in `words`, id i being bit i % 64 of word i / 64,
  /// and none beyond them; nothing: all. Holds until it is called again.
  void allow(std::span<const std::uint64_t> words) { allowed_.assign(words.begin(), words.end()); }
  /// Tokens that came without being chosen here: they count for the repetition penalty.
  void note(std::span<const std::int32_t> ids);
  /// logits [vocab_size]; changed in place by penalty and mask. -1 where no token is allowed.
  std::int32_t choose(std::span<float> logits);

 private:
  void forbid(std::span<float> logits) const;
  std::int32_t draw(std::span<const float> logits);

  SamplingParams params_;
  Random random_;
  std::unordered_set<std::int32_t> seen_;
  std::vector<std::uint64_t> allowed_;
  std::vector<double> weights_;  // of draw(), kept for the next one
};

/// Ids of the `count` largest logits, largest first, the lower id first among equals.
std::vector<std::int32_t> largest_logits(std::span<const float> logits, std::size_t count);

/// The samplers of the sequences that a device works on, each in a slot. Made by
/// Device::make_sampler_slots; this one is the processor's.
class SamplerSlots {
 public:
  explicit SamplerSlots(int count) : samplers_(count) {}
  SamplerSlots(const SamplerSlots&) = delete;
  SamplerSlots& operator=(const SamplerSlots&) = delete;
  virtual ~SamplerSlots() = default;

  int count() const { return static_cast<int>(samplers_.size()); }
  /// Puts a fresh sampler in a slot.
  virtual void assign(int slot, const SamplingParams& params, std::uint64_t seed,
                      std::span<const std::int32_t> prompt);
  /// Sampler::allow of one of them.
  virtual void allow(int slot, std::span<const std::uint64_t> words) { at(slot).allow(words); }
  /// Sampler::note of one of them.
  virtual void note(int slot, std::span<const std::int32_t> ids) { at(slot).note(ids); }
  Sampler& at(int slot) { return *samplers_[slot]; }

 private:
  std::vector<std::optional<Sampler>> samplers_;
};

}  // namespace saccade::compute
