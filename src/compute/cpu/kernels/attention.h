// Softmax attention of a block of query rows over blocks of keys, in one pass.
//
// The running-maximum softmax of Milakov and Gimelshein (2018) in the blocked form of
// FlashAttention (Dao et al., 2022). Blocks start at multiples of kKeyBlock in the sequence, so a
// row's arithmetic depends on its own position alone: not on chunking, on its neighbours or on
// which pages were cached.
#pragma once

#include <utility>

#include "compute/cpu/kernels/attention_tiles.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

inline constexpr float kMinusInfinity = -__builtin_inff();
inline constexpr float kLog2E = 1.44269504088896341f;

/// Stores a token's rounded key and value, [head_dim] each, as number `slot` of a block.
inline void store_rounded_token(std::byte* block, int slot, const float* key, const float* value,
                                int head_dim) {
  const KvBlockLayout layout{head_dim, true};
  alignas(64) std::int16_t codes[kMaxHeadDim + kLanes];
  auto* scales = reinterpret_cast<float*>(block + layout.scales_offset());
  scales[slot] = round_by_norm(codes, key, head_dim);
  const int pairs = (head_dim + 1) / 2;  // codes after the last are zero
  for (int i = 0; i < pairs; ++i) {
    __builtin_memcpy(block + (i * kKeyBlock + slot) * 4, codes + 2 * i, 4);
  }
  scales[kKeyBlock + slot] = round_by_largest(codes, value, head_dim);
  auto* values = reinterpret_cast<std::int16_t*>(block + layout.values_offset()) +
                 static_cast<std::int64_t>(slot / 2) * layout.width() * 2 + slot % 2;
  for (int i = 0; i < layout.width(); ++i) values[2 * i] = codes[i];
}

/// Keys of a block that a row sees.
struct KeyRange {
  int low;
  int high;
  bool none() const { return low >= high; }
  bool all() const { return low == 0 && high == kKeyBlock; }
};

/// What attend() works on: its rows so far, and the block of keys in hand.
template <typename P>
struct AttentionWork {
  using Element = typename P::Element;
  static constexpr int kRows = kMaxAttentionRows;

  // Leaves the arrays as they are: clearing them would cost as much as a block of keys.
  explicit AttentionWork(const AttentionArgs& arguments)
      : args(arguments), layout{arguments.head_dim, P::kRounded}, width(layout.width()) {}

  const AttentionArgs& args;
  KvBlockLayout layout;
  int width;  // of queries and acc

  alignas(64) Element queries[kRows * kMaxHeadDim];  // [num_rows, width]
  float query_scales[kRows];                         // of scores in powers of two
  alignas(64) float acc[kRows * kMaxHeadDim];        // [num_rows, width]
  float max[kRows];                                  // of scores so far
  alignas(64) float sums[kRows * kLanes];            // of weights, a lane each

  KeyRange ranges[kRows];
  alignas(64) float scores[kRows * kKeyBlock];
  alignas(64) Element weights[kRows * kKeyBlock];
  alignas(64) float corrections[kRows];  // what earlier results are multiplied with
  BlockFactors factors[kRows];
};

inline KeyRange keys_in_block(const AttentionRow& row, std::int64_t block) {
  const std::int64_t begin = block * kKeyBlock;
  const auto inside = [&](std::int64_t key) {
    return static_cast<int>(key < begin ? 0 : key - begin > kKeyBlock ? kKeyBlock : key - begin);
  };
  return {inside(row.first_key), inside(row.end_key)};
}

/// The lanes of vector v that are keys of the range, `other` in the rest.
inline F32x16 keep_range(F32x16 x, int v, KeyRange range, F32x16 other) {
  const auto clamp = [](int n) { return n < 0 ? 0 : n > kLanes ? kLanes : n; };
  const F32x16 kept = keep_first(x, clamp(range.high - v * kLanes), other);
  return keep_first(other, clamp(range.low - v * kLanes), kept);
}

/// Products with keys to scores in powers of two, minus infinity outside the range; returns the
/// largest.
template <typename P>
float scale_scores(float* scores, const AttentionArgs& a, float query_scale,
                   const float* key_scales, KeyRange range) {
  F32x16 largest = broadcast(kMinusInfinity);
  const bool masked = !range.all();
#pragma GCC unroll 4
  for (int v = 0; v < kBlockVectors; ++v) {
    F32x16 value = load(scores + v * kLanes);
    if constexpr (P::kRounded) value = mul(value, load(key_scales + v * kLanes));
    value = mul(value, broadcast(query_scale));
    if (a.softcap > 0.0f) value = mul(softcap(value, a.softcap), broadcast(kLog2E));
    if (masked) value = keep_range(value, v, range, broadcast(kMinusInfinity));
    store(scores + v * kLanes, value);
    largest = max(largest, value);
  }
  return reduce_max(largest);
}

/// Turns scores into weights 2^(score - max), adds them to the row's sums, and writes them as
/// elements of products with values. Returns the scale of those products.
template <typename P>
float make_weights(typename P::Element* weights, const float* scores, float max, float correction,
                   float* row_sums, const float* value_scales, KeyRange range) {
  F32x16 weight[kBlockVectors];
  const F32x16 highest = broadcast(max);
  F32x16 sums = mul(load(row_sums), broadcast(correction));
#pragma GCC unroll 4
  for (int v = 0; v < kBlockVectors; ++v) {
    weight[v] = exp2(sub(load(scores + v * kLanes), highest));
    if (!range.all()) weight[v] = keep_range(weight[v], v, range, broadcast(0.0f));
    sums = add(sums, weight[v]);
  }
  store(row_sums, sums);
  if constexpr (!P::kRounded) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) store(weights + v * kLanes, weight[v]);
    return 1.0f;
  } else {
    // Each value has a scale of its own, which goes into its weight.
    F32x16 total = broadcast(0.0f);
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      weight[v] = mul(weight[v], load(value_scales + v * kLanes));
      if (!range.all()) weight[v] = keep_range(weight[v], v, range, broadcast(0.0f));
      total = add(total, weight[v]);
    }
    const float sum = reduce_add(total);
    const F32x16 inverse = broadcast(sum > 0.0f ? kLargest / sum : 0.0f);
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      store_words(weights + v * kLanes, to_nearest(mul(weight[v], inverse)));
    }
    return sum / kLargest;
  }
}

/// Scores of rows [row, row + kRows) with the keys of a block.
template <typename P, int kRows>
void score_rows(AttentionWork<P>& w, const std::byte* block, int row) {
  using Element = typename P::Element;
  score_tile<P, kRows>(w.scores + row * kKeyBlock, w.queries + row * w.width, w.width,
                       reinterpret_cast<const Element*>(block), w.args.head_dim);
  const auto* key_scales = reinterpret_cast<const float*>(block + w.layout.scales_offset());
  for (int r = row; r < row + kRows; ++r) {
    w.corrections[r] = 0.0f;
    if (w.ranges[r].none()) continue;
    const float largest = scale_scores<P>(w.scores + r * kKeyBlock, w.args, w.query_scales[r],
                                          key_scales, w.ranges[r]);
    const float highest = largest > w.max[r] ? largest : w.max[r];
    w.corrections[r] = w.max[r] - highest;
    w.max[r] = highest;
  }
}

/// The weights of all rows, of which none is left for a row that sees nothing of the block: with a
/// correction of 1 its results stay as they are.
template <typename P>
void weigh_rows(AttentionWork<P>& w, const std::byte* block) {
  const auto* scales = reinterpret_cast<const float*>(block + w.layout.scales_offset());
  for (int r = 0; r < w.args.num_rows; r += kLanes) {
    store(w.corrections + r, exp2(load(w.corrections + r)));
  }
  for (int r = 0; r < w.args.num_rows; ++r) {
    typename P::Element* weights = w.weights + r * kKeyBlock;
    if (w.ranges[r].none()) {
      for (int t = 0; t < kKeyBlock; ++t) weights[t] = 0;
      w.factors[r] = {1.0f, 0.0f};
      continue;
    }
    const float scale =
        make_weights<P>(weights, w.scores + r * kKeyBlock, w.max[r], w.corrections[r],
                        w.sums + r * kLanes, scales + kKeyBlock, w.ranges[r]);
    w.factors[r] = {w.corrections[r], scale};
  }
}

/// Adds what the values of a block give to rows [row, row + kRows).
template <typename P, int kRows>
void value_rows(AttentionWork<P>& w, const std::byte* block, int row) {
  int keys = 0;
  for (int r = row; r < row + kRows; ++r) {
    if (!w.ranges[r].none() && w.ranges[r].high > keys) keys = w.ranges[r].high;
  }
  if (keys == 0) return;
  const auto* values =
      reinterpret_cast<const typename P::Element*>(block + w.layout.values_offset());
  add_values<P, kRows>(w.acc + row * w.width, w.weights + row * kKeyBlock, w.factors + row, values,
                       keys, w.width);
}

/// The functions for 1 .. kScoreRows rows.
template <typename P>
struct RowFunctions {
  using Function = void (*)(AttentionWork<P>&, const std::byte*, int);
  Function score[kScoreRows];
  Function add[kScoreRows];
};

template <typename P, int... kIndex>
constexpr RowFunctions<P> make_row_functions(std::integer_sequence<int, kIndex...>) {
  return {{score_rows<P, kIndex + 1>...}, {value_rows<P, kIndex + 1>...}};
}

/// One block of keys for all rows. First all scores, then all weights, then all values: keys and
/// values each stay in the L1 cache for all rows, and no product waits for an exponential.
template <typename P>
void attend_block(AttentionWork<P>& w, const std::byte* block) {
  static constexpr RowFunctions<P> kFunctions =
      make_row_functions<P>(std::make_integer_sequence<int, kScoreRows>());
  // The fewest groups of rows, as even as can be.
  const int num_rows = w.args.num_rows;
  const int groups = (num_rows + kScoreRows - 1) / kScoreRows;
  const auto for_groups = [&](const auto& functions) {
    for (int group = 0; group < groups; ++group) {
      const int row = num_rows * group / groups;
      functions[num_rows * (group + 1) / groups - row - 1](w, block, row);
    }
  };
  for_groups(kFunctions.score);
  weigh_rows(w, block);
  for_groups(kFunctions.add);
}

/// Copies or rounds the queries, and clears what is summed up.
template <typename P>
void start_rows(AttentionWork<P>& w) {
  const AttentionArgs& a = w.args;
  // With a cap, scores become powers of two behind it.
  const float scale = a.softcap > 0.0f ? a.scale : a.scale * kLog2E;
  for (int r = 0; r < a.num_rows; ++r) {
    auto* to = w.queries + r * w.width;
    if constexpr (P::kRounded) {
      w.query_scales[r] = round_by_norm(to, a.rows[r].query, a.head_dim) * scale;
    } else {
      for (int d = 0; d < a.head_dim; ++d) to[d] = a.rows[r].query[d];
      w.query_scales[r] = scale;
    }
    for (int d = 0; d < w.width; ++d) w.acc[r * w.width + d] = 0.0f;
    for (int i = 0; i < kLanes; ++i) w.sums[r * kLanes + i] = 0.0f;
    w.max[r] = kMinusInfinity;
  }
  for (float& correction : w.corrections) correction = 0.0f;
}

template <typename P>
void attend_with(const AttentionArgs& a) {
  AttentionWork<P> w(a);
  start_rows(w);
  // Keys that any row sees, and those that all see.
  std::int64_t first = a.rows[0].first_key, end = a.rows[0].end_key;
  std::int64_t all_first = first, all_end = end;
  for (int r = 1; r < a.num_rows; ++r) {
    first = a.rows[r].first_key < first ? a.rows[r].first_key : first;
    all_first = a.rows[r].first_key > all_first ? a.rows[r].first_key : all_first;
    end = a.rows[r].end_key > end ? a.rows[r].end_key : end;
    all_end = a.rows[r].end_key < all_end ? a.rows[r].end_key : all_end;
  }
  for (std::int64_t block = first / kKeyBlock; block * kKeyBlock < end; ++block) {
    const bool whole = block * kKeyBlock >= all_first && (block + 1) * kKeyBlock <= all_end;
    for (int r = 0; r < a.num_rows; ++r) {
      w.ranges[r] = whole ? KeyRange{0, kKeyBlock} : keys_in_block(a.rows[r], block);
    }
    attend_block(w, a.blocks.at(block));
  }
  for (int r = 0; r < a.num_rows; ++r) {
    const F32x16 sum = broadcast(reduce_add(load(w.sums + r * kLanes)));
    for (int d = 0; d < a.head_dim; d += kLanes) {
      const int lanes = a.head_dim - d < kLanes ? a.head_dim - d : kLanes;
      store_first(a.rows[r].out + d, div(load(w.acc + r * w.width + d), sum), lanes);
    }
  }
}

inline void attend(const AttentionArgs& a) {
  a.rounded ? attend_with<RoundedProducts>(a) : attend_with<FloatProducts>(a);
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
