// Softmax attention of a block of query rows over blocks of keys, in one pass.
//
// The running-maximum softmax of Milakov and Gimelshein (2018) in the blocked form of
// FlashAttention (Dao et al., 2022). Blocks start at multiples of kKeyBlock in the sequence, so a
// row's arithmetic depends on its own position alone: not on chunking, on its neighbours or on
// which pages were cached.
#pragma once

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

inline constexpr int kBlockVectors = kKeyBlock / kLanes;
inline constexpr float kMinusInfinity = -__builtin_inff();

/// scores[r][t] = query[r] . key[t] for all kKeyBlock keys of a block.
template <int kRows>
void attention_scores(float* scores, const AttentionRow* rows, const float* keys, int head_dim) {
  F32x16 acc[kRows][kBlockVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) acc[r][v] = broadcast(0.0f);
  }
  for (int d = 0; d < head_dim; ++d) {
    F32x16 key[kBlockVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) key[v] = load(keys + d * kKeyBlock + v * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const F32x16 query = broadcast(rows[r].query[d]);
#pragma GCC unroll 4
      for (int v = 0; v < kBlockVectors; ++v) acc[r][v] = fma(query, key[v], acc[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) store(scores + r * kKeyBlock + v * kLanes, acc[r][v]);
  }
}

struct SoftmaxState {
  float max = kMinusInfinity;
  float sum = 0.0f;
  float correction = 1.0f;  // what the block in hand multiplies earlier results with
};

/// Turns the scores of keys [low, high) of a block into exp(score - max) and folds them into the
/// state; other keys get weight 0.
inline void softmax_block(float* scores, int low, int high, const AttentionArgs& a,
                          SoftmaxState& state) {
  F32x16 value[kBlockVectors];
  F32x16 largest = broadcast(kMinusInfinity);
  const auto clamp = [](int n) { return n < 0 ? 0 : n > kLanes ? kLanes : n; };
  for (int v = 0; v < kBlockVectors; ++v) {
    value[v] = mul(load(scores + v * kLanes), broadcast(a.scale));
    if (a.softcap > 0.0f) value[v] = softcap(value[v], a.softcap);
    value[v] = keep_first(value[v], clamp(high - v * kLanes), broadcast(kMinusInfinity));
    value[v] = keep_first(broadcast(kMinusInfinity), clamp(low - v * kLanes), value[v]);
    largest = max(largest, value[v]);
  }
  const float block_max = reduce_max(largest);
  const float new_max = block_max > state.max ? block_max : state.max;
  float old_and_none[kLanes] = {};
  old_and_none[0] = state.max - new_max;
  store(old_and_none, exp(load(old_and_none)));
  state.correction = old_and_none[0];
  F32x16 sum = broadcast(0.0f);
  for (int v = 0; v < kBlockVectors; ++v) {
    const F32x16 weight = exp(sub(value[v], broadcast(new_max)));
    store(scores + v * kLanes, weight);
    sum = add(sum, weight);
  }
  state.sum = state.sum * state.correction + reduce_add(sum);
  state.max = new_max;
}

/// acc[r] = acc[r] * correction[r] + sum over t of weights[r][t] * values[t], kVectors lanes-groups
/// wide; `keys` is one past the last key that any row looks at (memory after it may hold anything).
template <int kRows, int kVectors>
void attention_values(float* acc, const float* weights, const SoftmaxState* states,
                      const float* values, int keys, int width) {
  F32x16 sum[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const F32x16 correction = broadcast(states[r].correction);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = mul(load(acc + r * width + v * kLanes), correction);
    }
  }
  for (int t = 0; t < keys; ++t) {
    F32x16 value[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) value[v] = load(values + t * width + v * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const F32x16 weight = broadcast(weights[r * kKeyBlock + t]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = fma(weight, value[v], sum[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(acc + r * width + v * kLanes, sum[r][v]);
  }
}

/// One block of keys for kRows rows.
template <int kRows>
void attend_rows(const AttentionArgs& a, std::int64_t block, int row, SoftmaxState* states) {
  const int width = padded(a.head_dim);
  float* scores = a.scratch + row * kKeyBlock;
  float* acc = a.scratch + kMaxAttentionRows * kKeyBlock + row * width;
  const std::int64_t begin = block * kKeyBlock;
  int low[kRows];
  int high[kRows];
  int keys = 0;
  for (int r = 0; r < kRows; ++r) {
    const AttentionRow& query = a.rows[row + r];
    const auto inside = [&](std::int64_t key) {
      return static_cast<int>(key < begin ? 0 : key - begin > kKeyBlock ? kKeyBlock : key - begin);
    };
    low[r] = inside(query.first_key);
    high[r] = inside(query.end_key);
    if (low[r] < high[r] && high[r] > keys) keys = high[r];
  }
  if (keys == 0) return;
  attention_scores<kRows>(scores, a.rows + row, a.key_blocks[block], a.head_dim);
  for (int r = 0; r < kRows; ++r) {
    if (low[r] < high[r]) {
      softmax_block(scores + r * kKeyBlock, low[r], high[r], a, states[row + r]);
    } else {
      // Nothing here for this row: weights 0 and correction 1 leave its accumulator as it is.
      for (int t = 0; t < kKeyBlock; ++t) scores[r * kKeyBlock + t] = 0.0f;
      states[row + r].correction = 1.0f;
    }
  }
  const float* values = a.value_blocks[block];
  int d = 0;
  for (; d + 4 * kLanes <= width; d += 4 * kLanes) {
    attention_values<kRows, 4>(acc + d, scores, states + row, values + d, keys, width);
  }
  for (; d < width; d += kLanes) {
    attention_values<kRows, 1>(acc + d, scores, states + row, values + d, keys, width);
  }
}

inline void attend(const AttentionArgs& a) {
  SoftmaxState states[kMaxAttentionRows];
  const int width = padded(a.head_dim);
  float* acc = a.scratch + kMaxAttentionRows * kKeyBlock;
  std::int64_t first = a.rows[0].first_key;
  std::int64_t end = a.rows[0].end_key;
  for (int r = 0; r < a.num_rows; ++r) {
    for (int d = 0; d < width; ++d) acc[r * width + d] = 0.0f;
    first = a.rows[r].first_key < first ? a.rows[r].first_key : first;
    end = a.rows[r].end_key > end ? a.rows[r].end_key : end;
  }
  for (std::int64_t block = first / kKeyBlock; block * kKeyBlock < end; ++block) {
    int row = 0;
    for (; row + kScoreRows <= a.num_rows; row += kScoreRows) {
      attend_rows<kScoreRows>(a, block, row, states);
    }
    for (; row < a.num_rows; ++row) attend_rows<1>(a, block, row, states);
  }
  for (int r = 0; r < a.num_rows; ++r) {
    const F32x16 sum = broadcast(states[r].sum);
    for (int d = 0; d < a.head_dim; d += kLanes) {
      const int lanes = a.head_dim - d < kLanes ? a.head_dim - d : kLanes;
      store_first(a.rows[r].out + d, div(load(acc + r * width + d), sum), lanes);
    }
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
