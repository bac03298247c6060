// Attention between channels: products over all rows, then a mix of a row's own channels.
#pragma once

#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

// Rows whose products are summed by themselves before they are added to the rest: sums over a
// hundred thousand places of one map keep their last digits.
inline constexpr std::int64_t kChannelStretch = 256;

/// scores[i * width + d] = the sum over all rows of q[i] k[d], of kQueries channels i and of those
/// d that two vectors from `first` on hold.
template <int kQueries>
void channel_products(const ChannelWeightsArgs& a, const float* q, int first, float* scores) {
  const auto lanes_from = [&](int d) {
    return d >= a.channels ? 0 : a.channels - d < kLanes ? a.channels - d : kLanes;
  };
  const int lanes[2] = {lanes_from(first), lanes_from(first + kLanes)};
  F32x16 totals[kQueries][2];
  for (auto& total : totals) total[0] = total[1] = broadcast(0.0f);
  for (std::int64_t begin = 0; begin < a.rows; begin += kChannelStretch) {
    const std::int64_t end = begin + kChannelStretch < a.rows ? begin + kChannelStretch : a.rows;
    F32x16 sums[kQueries][2];
    for (auto& sum : sums) sum[0] = sum[1] = broadcast(0.0f);
    for (std::int64_t row = begin; row < end; ++row) {
      const float* keys = a.k + row * a.k_stride + first;
      const F32x16 low = load_some(keys, lanes[0]);
      const F32x16 high = load_some(keys + kLanes, lanes[1]);
      const float* queries = q + row * a.q_stride;
      for (int i = 0; i < kQueries; ++i) {
        const F32x16 query = broadcast(queries[i]);
        sums[i][0] = fma(query, low, sums[i][0]);
        sums[i][1] = fma(query, high, sums[i][1]);
      }
    }
    for (int i = 0; i < kQueries; ++i) {
      for (int v = 0; v < 2; ++v) totals[i][v] = add(totals[i][v], sums[i][v]);
    }
  }
  const int width = channel_width(a.channels);
  for (int i = 0; i < kQueries; ++i) {
    for (int v = 0; v < 2; ++v) store(scores + i * width + first + v * kLanes, totals[i][v]);
  }
}

/// x = softmax(scale * x), x [n]
inline void softmax_row(float* x, int n, float scale) {
  const F32x16 lowest = broadcast(-__builtin_inff());
  F32x16 highest = lowest;
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 scaled = mul(load_some(x + i, lanes), broadcast(scale));
    store_some(x + i, scaled, lanes);
    highest = max(highest, keep_first(scaled, lanes, lowest));
  });
  const F32x16 largest = broadcast(reduce_max(highest));
  F32x16 sums = broadcast(0.0f);
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 weight = exp(sub(load_some(x + i, lanes), largest));
    store_some(x + i, weight, lanes);
    sums = add(sums, keep_first(weight, lanes, broadcast(0.0f)));
  });
  scale_row(x, n, 1.0f / reduce_add(sums));
}

inline void channel_weights(const ChannelWeightsArgs& a) {
  const int width = channel_width(a.channels);
  for (int first = 0; first < a.channels; first += 2 * kLanes) {
    int i = a.begin;
    for (; i + 4 <= a.end; i += 4) {
      channel_products<4>(a, a.q + i, first, a.scores + (i - a.begin) * width);
    }
    for (; i < a.end; ++i) {
      channel_products<1>(a, a.q + i, first, a.scores + (i - a.begin) * width);
    }
  }
  for (int i = a.begin; i < a.end; ++i) {
    float* scores = a.scores + (i - a.begin) * width;
    softmax_row(scores, a.channels, a.scale);
    for (int d = 0; d < a.channels; ++d) {
      a.weights[static_cast<std::int64_t>(d) * width + i] = scores[d];
    }
  }
}

inline void mix_channels(float* out, const float* values, const float* weights, int channels) {
  const int width = channel_width(channels);
  for_vectors(channels, [&](std::int64_t i, int lanes) {
    F32x16 sum = broadcast(0.0f);
    for (int d = 0; d < channels; ++d) {
      const float* from = weights + static_cast<std::int64_t>(d) * width + i;
      sum = fma(broadcast(values[d]), load_some(from, lanes), sum);
    }
    store_some(out + i, sum, lanes);
  });
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
