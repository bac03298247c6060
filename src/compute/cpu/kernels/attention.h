// Softmax attention of a block of query rows over blocks of keys, in one pass.
//
// The running-maximum softmax of Milakov and Gimelshein (2018) in the blocked form of
// FlashAttention (Dao et al., 2022). Blocks start at multiples of kKeyBlock in the sequence, so a
// row's arithmetic depends on its own position alone: not on chunking, on its neighbours or on
// which pages were cached.
#pragma once

#include <cstring>
#include <utility>

#include "compute/cpu/kernels/attention_tiles.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Of what is not seen.
inline constexpr float kLowest = -3e38f;
inline constexpr float kLog2E = 1.44269504088896341f;

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
      : args(arguments), layout{arguments.head_dim, P::kCodes}, width(layout.width()) {}

  const AttentionArgs& args;
  KvBlockLayout layout;
  int width;  // of queries and acc

  alignas(64) Element queries[kRows * kMaxHeadDim];  // [num_rows, width]
  float query_scales[kRows];                         // of scores
  alignas(64) float factors[kRows];                  // what makes scores powers of two
  alignas(64) float acc[kRows * kMaxHeadDim];        // [num_rows, width]
  alignas(64) float max[kRows];                      // of scores so far, to 8, as powers of two
  alignas(64) float sums[kRows * kLanes];            // of weights, a lane each

  bool whole = false;  // all rows see all keys of the block
  KeyRange ranges[kRows];
  alignas(64) float scores[kRows * kKeyBlock];
  alignas(64) Element weights[kRows * kKeyBlock];
  alignas(64) float lanes[kRows * kLanes];  // each row's largest scores, then weights' sizes
  bool corrected = false;                   // whether one of these is not one:
  alignas(64) float corrections[kRows];     // what earlier results are multiplied with
  alignas(64) float scales[kRows];          // the same of this block's

  // Of bytes: what the first key of a block adds to scores.
  static constexpr int kWords = P::kCodes == KvCodes::kInt8 ? kRows * kMaxHeadDim : 1;
  alignas(64) std::int16_t words[kWords];  // queries of 16 bits: [width / 2, kRows, 2]
  alignas(64) float base_factors[kRows];
  alignas(64) float bases[kRows];
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

/// Scores of a row that is capped or does not see the whole block, made anew from its products.
template <typename P>
void adjust_scores(AttentionWork<P>& w, int r) {
  float* scores = w.scores + r * kKeyBlock;
  F32x16 largest = broadcast(kLowest);
  for (int v = 0; v < kBlockVectors; ++v) {
    F32x16 score = load(scores + v * kLanes);
    if (w.args.softcap > 0.0f) {
      score = softcap(mul(score, broadcast(w.query_scales[r])), w.args.softcap);
    }
    score = keep_range(score, v, w.ranges[r], broadcast(kLowest));
    store(scores + v * kLanes, score);
    largest = max(largest, score);
  }
  store(w.lanes + r * kLanes, largest);
}

/// Scores of rows [row, row + kRows) with the keys of a block.
template <typename P, int kRows>
void score_rows(AttentionWork<P>& w, const std::byte* block, int row) {
  score_tile<P, kRows>(w.scores + row * kKeyBlock, w.lanes + row * kLanes,
                       w.queries + row * w.width, w.width, BlockKeys<P>(w.layout, block),
                       w.bases + row, w.args.head_dim);
  if (w.whole && w.args.softcap == 0.0f) return;
  for (int r = row; r < row + kRows; ++r) {
    if (w.args.softcap > 0.0f || !w.ranges[r].all()) adjust_scores(w, r);
  }
}

/// The scores of all rows with the first key of a block, of which the others are told apart. Sums
/// of products are exact, so they may be added in any order: in four chains.
inline void score_anchor(AttentionWork<ByteProducts>& w, const std::byte* block) {
  constexpr int kChains = 4;
  const auto* anchor = reinterpret_cast<const std::int16_t*>(block + w.layout.anchor_offset());
  const F32x16 scale =
      broadcast(*reinterpret_cast<const float*>(block + w.layout.anchor_scale_offset()));
  for (int r = 0; r < w.args.num_rows; r += kLanes) {
    I32x16 sums[kChains];
    for (I32x16& sum : sums) sum = broadcast_int(0);
    for (int i = 0; i < w.width / 2; i += kChains) {
#pragma GCC unroll 4
      for (int c = 0; c < kChains; ++c) {
        const std::int16_t* words = w.words + ((i + c) * w.kRows + r) * 2;
        sums[c] = dot(sums[c], load_words(words), anchor + 2 * (i + c));
      }
    }
    const I32x16 sum = add(add(sums[0], sums[1]), add(sums[2], sums[3]));
    store(w.bases + r, mul(mul(to_float(sum), scale), load(w.base_factors + r)));
  }
}

/// Turns a row's scores into weights 2^(score - max) and adds them to its sums. Each value has a
/// scale of its own, which goes into its weight.
template <typename P, bool kMasked>
void make_weights(AttentionWork<P>& w, int r, const float* value_scales) {
  float* scores = w.scores + r * kKeyBlock;
  const F32x16 factor = broadcast(w.factors[r]);
  const F32x16 minus_max = broadcast(-w.max[r]);
  F32x16 sums = mul(load(w.sums + r * kLanes), broadcast(w.corrections[r]));
  F32x16 size = broadcast(0.0f);  // of all weights, by which they are rounded
#pragma GCC unroll 4
  for (int v = 0; v < kBlockVectors; ++v) {
    // Codes of 8 bits stand for 1/254 of the largest weight: three terms are near enough.
    constexpr int kTerms = P::kCodes == KvCodes::kInt8 ? 3 : 5;
    F32x16 weight = exp2<kTerms>(fma(load(scores + v * kLanes), factor, minus_max));
    if constexpr (kMasked) weight = keep_range(weight, v, w.ranges[r], broadcast(0.0f));
    sums = add(sums, weight);
    if constexpr (P::kRounded) {
      weight = mul(weight, load(value_scales + v * kLanes));
      if constexpr (kMasked) weight = keep_range(weight, v, w.ranges[r], broadcast(0.0f));
      size = P::kCodes == KvCodes::kInt8 ? max(size, weight) : add(size, weight);
      store(scores + v * kLanes, weight);
    } else {
      store(w.weights + r * kKeyBlock + v * kLanes, weight);
    }
  }
  store(w.sums + r * kLanes, sums);
  store(w.lanes + r * kLanes, size);
}

/// The factors from weights to codes, for sizes of which each becomes `most`; what a code stands
/// for goes to scales.
template <typename P>
void scale_weights(AttentionWork<P>& w, float* inverses, float most) {
  const F32x16 zero = broadcast(0.0f);
  for (int r = 0; r < w.args.num_rows; r += kLanes) {
    const float* lanes = w.lanes + r * kLanes;
    const F32x16 size =
        P::kCodes == KvCodes::kInt8 ? reduce_max_rows(lanes) : reduce_add_rows(lanes);
    store(inverses + r, select_less(zero, size, div(broadcast(most), size), zero));
    store(w.scales + r, mul(size, broadcast(1.0f / most)));
  }
}

/// Rounds the weights of all rows, to codes whose sum is at most kLargestWord.
inline void round_weights(AttentionWork<WordProducts>& w) {
  alignas(64) float inverses[kMaxAttentionRows];
  scale_weights(w, inverses, kLargestWord);
  for (int r = 0; r < w.args.num_rows; ++r) {
    const F32x16 inverse = broadcast(inverses[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      const int i = r * kKeyBlock + v * kLanes;
      store_words(w.weights + i, to_nearest(mul(load(w.scores + i), inverse)));
    }
  }
}

/// The same to codes of at most kLargestUnsigned each, up or down by the thresholds of the keys.
inline void round_weights(AttentionWork<ByteProducts>& w) {
  alignas(64) float inverses[kMaxAttentionRows];
  scale_weights(w, inverses, kLargestUnsigned);
  for (int r = 0; r < w.args.num_rows; ++r) {
    const F32x16 inverse = broadcast(inverses[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      const int i = r * kKeyBlock + v * kLanes;
      const F32x16 threshold = load(kThresholds.data() + v * kLanes);
      store_bytes(w.weights + i, to_nearest(fma(load(w.scores + i), inverse, threshold)));
    }
  }
}

/// The weights of all rows. Reductions of lanes are made for sixteen rows together, so that no row
/// waits for its own.
template <typename P>
void weigh_rows(AttentionWork<P>& w, const std::byte* block) {
  // A maximum stays as long as no weight is above 2^8, which floats hold as well: then what was
  // added up so far needs no correction (FlashAttention-4, 2025).
  const F32x16 slack = broadcast(8.0f);
  F32x16 changes = broadcast(0.0f);
  for (int r = 0; r < w.args.num_rows; r += kLanes) {
    const F32x16 before = load(w.max + r);
    const F32x16 largest = mul(reduce_max_rows(w.lanes + r * kLanes), load(w.factors + r));
    const F32x16 now = select_less(add(before, slack), largest, largest, before);
    const F32x16 change = sub(before, now);
    store(w.max + r, now);
    store(w.corrections + r, exp2(change));
    changes = min(changes, change);
  }
  w.corrected = reduce_max(sub(broadcast(0.0f), changes)) > 0.0f;
  const float* value_scales =
      reinterpret_cast<const float*>(block + w.layout.scales_offset()) + kKeyBlock;
  for (int r = 0; r < w.args.num_rows; ++r) {
    if (w.whole || w.ranges[r].all()) {
      make_weights<P, false>(w, r, value_scales);
    } else {
      make_weights<P, true>(w, r, value_scales);
    }
  }
  if constexpr (P::kRounded) round_weights(w);
}

/// Adds what the values of a block give to rows [row, row + kRows).
template <typename P, int kRows>
void value_rows(AttentionWork<P>& w, const std::byte* block, int row) {
  int keys = w.whole ? kKeyBlock : 0;
  for (int r = row; r < row + kRows && keys < kKeyBlock; ++r) {
    if (!w.ranges[r].none() && w.ranges[r].high > keys) keys = w.ranges[r].high;
  }
  if (keys == 0) return;
  const auto* values =
      reinterpret_cast<const typename P::Stored*>(block + w.layout.values_offset());
  add_values<P, kRows>(w.acc + row * w.width, w.weights + row * kKeyBlock,
                       w.corrected ? w.corrections + row : nullptr, w.scales + row, values, keys,
                       w.width);
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

/// Asks for the lines of a block a part at a time, so that they arrive while products are made.
class BlockPrefetch {
 public:
  /// A block of `bytes` that is wanted after so many steps; null: nothing.
  BlockPrefetch(const std::byte* block, std::int64_t bytes, int steps)
      : block_(block), lines_(block == nullptr ? 0 : bytes / kLineBytes), steps_(steps) {}

  void step() {
    ++step_;
    for (; line_ < lines_ * step_ / steps_; ++line_) {
      __builtin_prefetch(block_ + line_ * kLineBytes);
    }
  }

 private:
  static constexpr std::int64_t kLineBytes = 64;
  const std::byte* block_;
  std::int64_t lines_;
  std::int64_t line_ = 0;
  int steps_;
  int step_ = 0;
};

/// One block of keys for all rows. First all scores, then all weights, then all values: keys and
/// values each stay in the L1 cache for all rows, and no product waits for an exponential. `next`
/// is the block that comes after it, if it has to be asked for.
template <typename P>
void attend_block(AttentionWork<P>& w, const std::byte* block, const std::byte* next) {
  static constexpr RowFunctions<P> kFunctions =
      make_row_functions<P>(std::make_integer_sequence<int, kScoreRows>());
  // The fewest groups of rows, as even as can be.
  const int num_rows = w.args.num_rows;
  const int groups = (num_rows + kScoreRows - 1) / kScoreRows;
  BlockPrefetch prefetch(next, w.layout.bytes(), 2 * groups);
  const auto for_groups = [&](const auto& functions) {
    for (int group = 0; group < groups; ++group) {
      prefetch.step();
      const int row = num_rows * group / groups;
      functions[num_rows * (group + 1) / groups - row - 1](w, block, row);
    }
  };
  if constexpr (P::kCodes == KvCodes::kInt8) score_anchor(w, block);
  for_groups(kFunctions.score);
  weigh_rows(w, block);
  for_groups(kFunctions.add);
}

/// Copies or rounds a query to row r; returns its scale.
inline float start_query(AttentionWork<FloatProducts>& w, int r, const float* query) {
  for (int d = 0; d < w.args.head_dim; ++d) w.queries[r * w.width + d] = query[d];
  return 1.0f;
}
inline float start_query(AttentionWork<WordProducts>& w, int r, const float* query) {
  return round_by_norm(w.queries + r * w.width, query, w.args.head_dim);
}
inline float start_query(AttentionWork<ByteProducts>& w, int r, const float* query) {
  const int n = w.args.head_dim;
  alignas(64) float turned[kMaxHeadDim];
  turn(turned, query, n);
  alignas(64) std::int16_t words[kMaxHeadDim];
  const float word_scale = round_by_norm(words, turned, n);
  for (int i = 0; i < w.width / 2; ++i) {
    std::memcpy(w.words + (i * w.kRows + r) * 2, words + 2 * i, 4);
  }
  alignas(64) std::int8_t codes[kMaxHeadDim];
  const float scale = round_bytes(codes, turned, n);
  w.base_factors[r] = scale > 0.0f ? word_scale / scale : 0.0f;
  for (int i = 0; i < w.width; ++i) {
    w.queries[r * w.width + i] = static_cast<std::uint8_t>(codes[i] + kByteMiddle);
  }
  return scale / static_cast<float>(turned_piece(n));
}

/// Rounds the queries, and clears what is summed up.
template <typename P>
void start_rows(AttentionWork<P>& w) {
  const AttentionArgs& a = w.args;
  for (int r = 0; r < a.num_rows; ++r) {
    w.query_scales[r] = a.scale * start_query(w, r, a.rows[r].query);
    // With a cap, scores become powers of two behind it.
    w.factors[r] = (a.softcap > 0.0f ? 1.0f : w.query_scales[r]) * kLog2E;
    for (int d = 0; d < w.width; ++d) w.acc[r * w.width + d] = 0.0f;
    for (int i = 0; i < kLanes; ++i) w.sums[r * kLanes + i] = 0.0f;
    w.max[r] = kLowest;
    w.scales[r] = 1.0f;
  }
  // Sixteen rows are reduced together, whether there are as many or not.
  for (int r = a.num_rows; r % kLanes != 0; ++r) {
    w.max[r] = 0.0f;
    w.factors[r] = 0.0f;
    for (int i = 0; i < kLanes; ++i) w.lanes[r * kLanes + i] = 0.0f;
  }
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
    const bool was_whole = w.whole;
    w.whole = block * kKeyBlock >= all_first && (block + 1) * kKeyBlock <= all_end;
    for (int r = 0; r < a.num_rows && !(w.whole && was_whole); ++r) {
      w.ranges[r] = keys_in_block(a.rows[r], block);
    }
    const bool ahead = a.far && (block + 1) * kKeyBlock < end;
    attend_block(w, a.blocks.at(block), ahead ? a.blocks.at(block + 1) : nullptr);
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
  switch (a.codes) {
    case KvCodes::kFloat:
      return attend_with<FloatProducts>(a);
    case KvCodes::kInt16:
      return attend_with<WordProducts>(a);
    case KvCodes::kInt8:
      return attend_with<ByteProducts>(a);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
