// Sampling on a GPU.
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "compute/gpu/gpu_device.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;
using kernels::SampleState;
using kernels::u32;

constexpr int kWordBits = 32;

/// The states of all slots in device memory, and a bit for each token that a slot has seen.
class GpuSamplerSlots : public SamplerSlots {
 public:
  GpuSamplerSlots(GpuDevice& device, int count, std::int64_t vocab_size)
      : SamplerSlots(count),
        device_(device),
        vocab_size_(vocab_size),
        words_((vocab_size + kWordBits - 1) / kWordBits),
        penalties_(count, false),
        states_(device.take_lasting_memory(count * static_cast<std::int64_t>(sizeof(SampleState)))),
        seen_(device.take_lasting_memory(count * words_ * static_cast<std::int64_t>(sizeof(u32)))) {
  }

  void assign(int slot, const SamplingParams& params, std::uint64_t seed,
              std::span<const std::int32_t> prompt) override {
    const bool penalty = params.repetition_penalty != 1.0;
    penalties_[slot] = penalty;
    if (penalty) add_seen(slot, std::vector<u32>(words_, 0), prompt);
    SampleState state{};
    state.temperature = static_cast<float>(params.temperature);
    state.top_p = static_cast<float>(params.top_p);
    state.min_p = static_cast<float>(params.min_p);
    state.repetition_penalty = static_cast<float>(params.repetition_penalty);
    state.top_k = static_cast<u32>(std::min<std::int64_t>(params.top_k, vocab_size_));
    state.random = seed;
    state.seen = penalty ? seen(slot) : nullptr;
    device_.copy_in(this->state(slot), &state, sizeof state);
  }

  void note(int slot, std::span<const std::int32_t> ids) override {
    if (!penalties_[slot] || ids.empty()) return;
    std::vector<u32> bits(words_);
    device_.copy_out(bits.data(), seen(slot), seen_bytes());
    add_seen(slot, std::move(bits), ids);
  }

  void allow(int slot, std::span<const std::uint64_t> words) override {
    const std::int64_t bytes = seen_bytes();
    if (!masks_) masks_ = device_.take_lasting_memory(count() * bytes);
    u32* mask = static_cast<u32*>(masks_.get()) + slot * words_;
    if (!words.empty()) {
      static_assert(std::endian::native == std::endian::little);  // a wide word is two of these
      std::vector<u32> bits(words_, 0);
      std::memcpy(bits.data(), words.data(), std::min<std::size_t>(bytes, words.size_bytes()));
      device_.copy_in(mask, bits.data(), bytes);
    }
    const u32* allowed = words.empty() ? nullptr : mask;
    device_.copy_in(&state(slot)->allowed, &allowed, sizeof allowed);
  }

  SampleState* state(int slot) const { return static_cast<SampleState*>(states_.get()) + slot; }

 private:
  u32* seen(int slot) const { return static_cast<u32*>(seen_.get()) + slot * words_; }
  std::int64_t seen_bytes() const { return words_ * static_cast<std::int64_t>(sizeof(u32)); }
  void add_seen(int slot, std::vector<u32> bits, std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids) {
      if (id >= 0 && id < vocab_size_) bits[id / kWordBits] |= 1u << (id % kWordBits);
    }
    device_.copy_in(seen(slot), bits.data(), seen_bytes());
  }

  GpuDevice& device_;
  std::int64_t vocab_size_;
  std::int64_t words_;           // of a slot
  std::vector<bool> penalties_;  // slots whose tokens are counted
  std::shared_ptr<void> states_;
  std::shared_ptr<void> seen_;
  std::shared_ptr<void> masks_;  // of slots that were given one
};

}  // namespace

std::unique_ptr<SamplerSlots> GpuDevice::make_sampler_slots(int count, std::int64_t vocab_size) {
  return std::make_unique<GpuSamplerSlots>(*this, count, vocab_size);
}

void GpuDevice::do_sample(const Tensor& ids, const Tensor& logits, SamplerSlots& samplers,
                          const Tensor& slots) {
  const kernels::SampleArgs args{logits.data<float>(),
                                 static_cast<GpuSamplerSlots&>(samplers).state(0),
                                 slots.data<std::int32_t>(),
                                 ids.data<std::int32_t>(),
                                 static_cast<kernels::u64>(logits.row_stride()),
                                 static_cast<u32>(logits.size(1))};
  launch_kernel(Kernel::sample,
                {static_cast<u32>(logits.rows()), 1, 1, kernels::kSampleThreads,
                 kernels::sample_shared_bytes(kernels::kSampleThreads)},
                &args);
}

}  // namespace saccade::compute::gpu
