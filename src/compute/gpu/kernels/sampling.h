// Choosing the next token of each row: compute::Sampler on the device, with the same cuts in the
// same order.
//
// Weights are fixed-point numbers, so that sums do not depend on their order, and cuts are found
// digit by digit of the logits' bits, from histograms: nothing is sorted, and nothing depends on
// timing.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

/// Groups have these, or a smaller power of two from 32 on; what is drawn depends on it.
GPU_CONSTEXPR u32 kSampleThreads = 1024;
GPU_CONSTEXPR u32 kSampleBins = 2048;
GPU_CONSTEXPR u32 kSampleLimbs = 3;

/// Bytes of shared memory that a group of `threads` needs.
GPU_FN_ANYWHERE u32 sample_shared_bytes(u32 threads) {
  return 64 + 3 * 32 * 4 + 32 * 8 + threads * 8 + (1 + kSampleLimbs) * kSampleBins * 4;
}

/// How one row is sampled; in device memory, where `random` and `seen` go on from call to call.
struct SampleState {
  float temperature;  ///< 0: the largest logit, the lowest id among equals
  float top_p;        ///< 1: off
  float min_p;        ///< 0: off
  float repetition_penalty;
  u32 top_k;  ///< 0: off
  u32 unused;
  u64 random;                     ///< of SplitMix64; advanced by each draw
  GPU_GLOBAL u32* seen;           ///< a bit for each token the penalty is for; or null
  GPU_GLOBAL const u32* allowed;  ///< a bit for each token that may come; or null: all
};

/// x(): the row.
struct SampleArgs {
  GPU_GLOBAL float* logits;  // [rows, vocab]; changed in place by penalty and mask
  GPU_GLOBAL SampleState* states;
  GPU_GLOBAL const i32* slots;  // the state of each row; -1: the row is left out; null: its own
  GPU_GLOBAL i32* ids;          // [rows]; -1 where a logit is not finite or nothing is allowed
  u64 stride;                   // elements from row to row
  u32 vocab;                    // at most 2^21
};

/// What is kept: elements with a larger key, and those with this key up to the id.
struct Cut {
  u32 key;
  u32 last_id;
};
GPU_FN bool inside(Cut cut, u32 key, u32 id) {
  return key > cut.key || (key == cut.key && id <= cut.last_id);
}

/// Larger for larger logits; the same for both zeros.
GPU_FN u32 logit_key(float logit) {
  const u32 bits = as_bits(logit + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

struct SampleRow {
  GPU_GLOBAL float* logits;
  u32 vocab;
  float top;  // the largest logit
  float temperature;
};
/// The share of a token relative to the likeliest one.
GPU_FN float relative_weight(SampleRow row, float logit) {
  return exponential(quotient(logit - row.top, row.temperature));
}
/// The same times 2^40: 2^21 of them fit a u64, and what is rounded to 0 is never drawn.
GPU_FN u64 fixed_weight(float weight) {
  return u64(weight * 1099511627776.0f);
}

/// The shared memory of a group.
struct SampleScratch {
  GPU_SHARED u64* found;         // [4] what find_bin found: bin, measure before it, its count, ...
  GPU_SHARED float* reductions;  // [3, 32]
  GPU_SHARED u64* warp_sums;     // [32]
  GPU_SHARED u64* sums;          // [threads]
  GPU_SHARED u32* counts;        // [kSampleBins]
  GPU_SHARED u32* limbs;         // [kSampleLimbs, kSampleBins] of 14 bits of the weights
};
GPU_FN SampleScratch sample_scratch(GPU_SHARED u8* shared, Group group) {
  SampleScratch s;
  s.found = (GPU_SHARED u64*)shared;
  s.reductions = (GPU_SHARED float*)(shared + 64);
  s.warp_sums = (GPU_SHARED u64*)(shared + 64 + 3 * 32 * 4);
  s.sums = s.warp_sums + 32;
  s.counts = (GPU_SHARED u32*)(s.sums + group.threads());
  s.limbs = s.counts + kSampleBins;
  return s;
}

GPU_FN u64 warp_sum_wide(u64 value, Group group) {
  for (u32 mask = kLanes / 2; mask > 0; mask /= 2) {
    const u32 low = group.shuffle_xor(u32(value), mask);
    const u32 high = group.shuffle_xor(u32(value >> 32), mask);
    value += u64(high) << 32 | low;
  }
  return value;
}

GPU_FN u64 measure_of_bin(SampleScratch s, u32 bin, bool by_weight) {
  if (!by_weight) return s.counts[bin];
  return u64(s.limbs[bin]) + (u64(s.limbs[kSampleBins + bin]) << 14) +
         (u64(s.limbs[2 * kSampleBins + bin]) << 28);
}

/// The first bin from above with which the measure of all bins so far reaches the target, into
/// s.found: the bin, the measure above it, its own measure, its count.
GPU_FN void find_bin(SampleScratch s, u64 target, bool by_weight, Group group) {
  const u32 bins = kSampleBins / group.warps();  // of each warp
  u64 sum = 0;
  for (u32 i = group.lane(); i < bins; i += kLanes) {
    sum += measure_of_bin(s, group.warp() * bins + i, by_weight);
  }
  sum = warp_sum_wide(sum, group);
  if (group.lane() == 0) s.warp_sums[group.warp()] = sum;
  group.barrier();
  if (group.thread_index() == 0) {
    u64 above = 0;
    u32 warp = group.warps() - 1;
    while (warp > 0 && above + s.warp_sums[warp] < target) above += s.warp_sums[warp--];
    u32 bin = (warp + 1) * bins - 1;
    u64 measure = measure_of_bin(s, bin, by_weight);
    while (bin > warp * bins && above + measure < target) {
      above += measure;
      measure = measure_of_bin(s, --bin, by_weight);
    }
    s.found[0] = bin;
    s.found[1] = above;
    s.found[2] = measure;
    s.found[3] = s.counts[bin];
  }
  group.barrier();
}

/// The digit of an element on one of five levels, three of the key and two of the id (lower ids
/// first), if those above are `prefix`; kSampleBins otherwise.
GPU_FN u32 digit_of(u32 level, u32 prefix, u32 id_prefix, u32 key, u32 id) {
  switch (level) {
    case 0:
      return key >> 21;
    case 1:
      return key >> 21 == prefix ? (key >> 10) & 2047u : kSampleBins;
    case 2:
      return key >> 10 == prefix ? key & 1023u : kSampleBins;
    case 3:
      return key == prefix ? 2047u - (id >> 10) : kSampleBins;
    default:
      return key == prefix && id >> 10 == id_prefix ? 1023u - (id & 1023u) : kSampleBins;
  }
}

GPU_FN void count_digits(SampleRow row, Cut within, u32 level, u32 prefix, u32 id_prefix,
                         bool by_weight, SampleScratch s, Group group) {
  for (u32 i = group.thread_index(); i < (1 + kSampleLimbs) * kSampleBins; i += group.threads()) {
    s.counts[i] = 0;
  }
  group.barrier();
  for (u32 id = group.thread_index(); id < row.vocab; id += group.threads()) {
    const float logit = row.logits[id];
    const u32 key = logit_key(logit);
    const u32 digit = digit_of(level, prefix, id_prefix, key, id);
    if (digit >= kSampleBins || !inside(within, key, id)) continue;
    atomic_add_shared(s.counts + digit, 1u);
    if (!by_weight) continue;
    const u64 weight = fixed_weight(relative_weight(row, logit));
    if (weight == 0) continue;
    atomic_add_shared(s.limbs + digit, u32(weight & 0x3fffu));
    atomic_add_shared(s.limbs + kSampleBins + digit, u32((weight >> 14) & 0x3fffu));
    atomic_add_shared(s.limbs + 2 * kSampleBins + digit, u32(weight >> 28));
  }
  group.barrier();
}

/// The smallest part of what is within a cut, largest first, whose count or weight reaches the
/// target.
GPU_FN Cut cut_at(SampleRow row, Cut within, u64 target, bool by_weight, SampleScratch s,
                  Group group) {
  u32 prefix = 0;
  u32 id_prefix = 0;
  for (u32 level = 0; level < 5; ++level) {
    count_digits(row, within, level, prefix, id_prefix, by_weight, s, group);
    find_bin(s, target, by_weight, group);
    const u32 bin = u32(s.found[0]);
    // The elements of the bin are all kept: the digits below do not matter.
    const bool all = s.found[3] == 1 || s.found[1] + s.found[2] <= target;
    target -= s.found[1];
    group.barrier();
    Cut cut;
    cut.last_id = 0xffffffffu;
    if (level == 0) {
      prefix = bin;
      cut.key = prefix << 21;
    } else if (level == 1) {
      prefix = prefix << 11 | bin;
      cut.key = prefix << 10;
    } else if (level == 2) {
      prefix = prefix << 10 | bin;
      cut.key = prefix;
    } else {
      cut.key = prefix;
      if (level == 3) id_prefix = 2047u - bin;
      cut.last_id = level == 3 ? id_prefix << 10 | 1023u : id_prefix << 10 | (1023u - bin);
    }
    if (all || level == 4) {
      return inside(within, cut.key, cut.last_id) ? cut : within;
    }
  }
  return within;
}

/// share * 2^24 of a sum.
GPU_FN u64 share_of(u64 sum, u32 share) {
  return (sum >> 24) * share + (((sum & 0xffffffu) * share) >> 24);
}

/// The sum of the weights of all threads, in every thread; s.sums and s.warp_sums keep the parts.
GPU_FN u64 group_sum_wide(u64 value, SampleScratch s, Group group) {
  s.sums[group.thread_index()] = value;
  value = warp_sum_wide(value, group);
  if (group.lane() == 0) s.warp_sums[group.warp()] = value;
  group.barrier();
  value = group.lane() < group.warps() ? s.warp_sums[group.lane()] : u64(0);
  return warp_sum_wide(value, group);
}

/// The sum of the fixed weights of the thread's elements within a cut.
GPU_FN u64 own_weights(SampleRow row, Cut cut, float min_p, Group group) {
  u64 sum = 0;
  for (u32 id = group.thread_index(); id < row.vocab; id += group.threads()) {
    const float logit = row.logits[id];
    if (!inside(cut, logit_key(logit), id)) continue;
    const float weight = relative_weight(row, logit);
    if (weight >= min_p) sum += fixed_weight(weight);
  }
  return sum;
}

/// The next 24 random bits: SplitMix64 (Steele, Lea and Flood, 2014).
GPU_FN u32 next_random(GPU_GLOBAL u64* random) {
  const u64 state = *random + 0x9e3779b97f4a7c15u;
  *random = state;
  u64 z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return u32((z ^ (z >> 31)) >> 40);
}

/// Draws one of the elements within a cut; the result is thread 0's. Threads' elements are taken
/// one thread after the other.
GPU_FN u32 draw(SampleRow row, Cut cut, float min_p, GPU_GLOBAL u64* random, SampleScratch s,
                Group group) {
  const u64 total = group_sum_wide(own_weights(row, cut, min_p, group), s, group);
  if (group.thread_index() == 0) {
    u64 target = share_of(total, next_random(random));
    u32 warp = 0;
    while (warp + 1 < group.warps() && s.warp_sums[warp] <= target) target -= s.warp_sums[warp++];
    u32 drawn = warp * kLanes;
    while (drawn + 1 < (warp + 1) * kLanes && s.sums[drawn] <= target) {
      target -= s.sums[drawn++];
    }
    s.found[0] = drawn;
    s.found[1] = target;
  }
  group.barrier();
  const u32 drawn = u32(s.found[0]);
  u64 target = s.found[1];
  u32 chosen = 0;
  bool done = false;
  for (u32 first = 0; first * group.threads() < row.vocab; first += group.threads()) {
    const u64 id = u64(first + group.thread_index()) * group.threads() + drawn;
    u64 weight = 0;
    if (id < row.vocab) {
      const float logit = row.logits[id];
      const float relative = relative_weight(row, logit);
      if (inside(cut, logit_key(logit), u32(id)) && relative >= min_p) {
        weight = fixed_weight(relative);
      }
    }
    s.sums[group.thread_index()] = weight;
    group.barrier();
    for (u32 i = 0; group.thread_index() == 0 && !done && i < group.threads(); ++i) {
      const u64 step = s.sums[i];
      const u32 step_id = (first + i) * group.threads() + drawn;
      if (step_id >= row.vocab) break;
      if (step > 0) chosen = step_id;
      done = step > target;
      target -= step;
    }
    group.barrier();
  }
  return chosen;
}

GPU_FN float group_max(float value, GPU_SHARED float* scratch, Group group) {
  value = warp_max(value, group);
  if (group.lane() == 0) scratch[group.warp()] = value;
  group.barrier();
  return warp_max(scratch[group.lane() < group.warps() ? group.lane() : 0u], group);
}

GPU_CONSTEXPR float kForbidden = -3.4028234e38f;

/// What a thread has found of the largest logit.
struct TopLogit {
  float best;
  u32 best_id;
  float strange;  // 1 where a logit is infinite or NaN

  GPU_FN void take(float logit, u32 id) {
    if ((as_bits(logit) & 0x7f800000u) == 0x7f800000u) strange = 1.0f;
    if (logit > best) {
      best = logit;
      best_id = id;
    }
  }
};

/// The thread's share of logits that neither penalty nor mask changes, several reads at a time: one
/// group must be fast enough for a whole vocabulary.
GPU_FN void scan_logits(SampleRow row, GPU_THREAD TopLogit& top, Group group) {
  constexpr u32 kAtOnce = 4;
  const bool wide = aligned_rows((GPU_GLOBAL const float*)row.logits, 0);
  const u32 step = group.threads() * kUnit;
  float v[kAtOnce][kUnit];
  for (u32 first = group.thread_index() * kUnit; first < row.vocab; first += kAtOnce * step) {
    GPU_UNROLL
    for (u32 j = 0; j < kAtOnce; ++j) {
      const u32 id = first + j * step;
      load_some((GPU_GLOBAL const float*)row.logits + id, id < row.vocab ? row.vocab - id : 0u,
                wide, v[j]);
    }
    GPU_UNROLL
    for (u32 j = 0; j < kAtOnce; ++j) {
      GPU_UNROLL
      for (u32 k = 0; k < kUnit; ++k) {
        const u32 id = first + j * step + k;
        if (id < row.vocab) top.take(v[j][k], id);
      }
    }
  }
}

/// Applies penalty and mask and finds the largest logit. Writes -1 and returns false if there is
/// none.
GPU_FN bool find_top(GPU_GLOBAL SampleState* state, GPU_THREAD SampleRow& row,
                     GPU_THREAD u32& top_id, SampleScratch s, Group group) {
  const float penalty = state->repetition_penalty;
  GPU_GLOBAL const u32* seen = penalty == 1.0f ? (GPU_GLOBAL const u32*)0 : state->seen;
  GPU_GLOBAL const u32* allowed = state->allowed;
  TopLogit top;
  top.best = kForbidden;
  top.best_id = 0;
  top.strange = 0.0f;
  if (!seen && !allowed) {
    scan_logits(row, top, group);
  } else {
    for (u32 id = group.thread_index(); id < row.vocab; id += group.threads()) {
      const float as_given = row.logits[id];
      float logit = as_given;
      if (seen && ((seen[id / 32] >> (id % 32)) & 1u) != 0) {
        logit = logit < 0.0f ? logit * penalty : logit / penalty;
        logit = min_of(max_of(logit, kForbidden), -kForbidden);  // the penalty may overflow
        row.logits[id] = logit;
      }
      if (allowed && ((allowed[id / 32] >> (id % 32)) & 1u) == 0) {
        logit = kForbidden;
        row.logits[id] = logit;
      }
      if ((as_bits(as_given) & 0x7f800000u) == 0x7f800000u) top.strange = 1.0f;
      top.take(logit, id);
    }
  }
  const float strange = group_max(top.strange, s.reductions, group);
  row.top = group_max(top.best, s.reductions + kLanes, group);
  // Ids are below 2^24, so floats hold them.
  const float lowest = top.best == row.top ? -float(top.best_id) : kForbidden;
  top_id = u32(-group_max(lowest, s.reductions + 2 * kLanes, group));
  return strange == 0.0f && row.top > kForbidden;
}

GPU_FN void sample(GPU_CONSTANT SampleArgs& args, GPU_SHARED u8* shared, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const i32 slot = args.slots ? args.slots[group.x()] : i32(group.x());
  if (slot < 0) return;
  GPU_GLOBAL SampleState* state = args.states + slot;
  const SampleScratch s = sample_scratch(shared, group);
  SampleRow row;
  row.logits = args.logits + group.x() * args.stride;
  row.vocab = args.vocab;
  row.temperature = state->temperature;
  row.top = 0.0f;
  u32 id = 0;
  if (!find_top(state, row, id, s, group)) {
    if (group.thread_index() == 0) args.ids[group.x()] = -1;
    return;
  }
  if (row.temperature > 0.0f) {
    group.barrier();  // other threads' changes of logits
    Cut cut;
    cut.key = 0;
    cut.last_id = 0xffffffffu;
    if (state->top_k > 0 && state->top_k < row.vocab) {
      cut = cut_at(row, cut, state->top_k, false, s, group);
    }
    if (state->top_p < 1.0f) {
      const u64 total = group_sum_wide(own_weights(row, cut, 0.0f, group), s, group);
      group.barrier();
      const u64 target = share_of(total, u32(nearest(state->top_p * 16777216.0f)));
      cut = cut_at(row, cut, target > 0 ? target : u64(1), true, s, group);
    }
    id = draw(row, cut, state->min_p, &state->random, s, group);
  }
  if (group.thread_index() == 0) {
    args.ids[group.x()] = i32(id);
    if (state->repetition_penalty != 1.0f && state->seen) {
      state->seen[id / 32] |= 1u << (id % 32);
    }
  }
}

#define SACCADE_SAMPLING_KERNELS(X) X(sample, (sample), SampleArgs, kSampleThreads)

}  // namespace gpu
}  // namespace saccade
