// What a block works on: a tile of query rows of one kv head, and the keys that these see. Paged
// prefill and unmasked segments differ in nothing else, so the kernels are templates over these.
#pragma once

#include <cstdint>

#include "compute/cuda/attention/attention.h"
#include "compute/cuda/attention/softmax.cuh"

namespace saccade::compute::cuda {

using F16 = __half;

/// Keys or values of consecutive tokens: the first one's row and the distance to the next.
struct RowBlock {
  const F16* first;
  std::int64_t stride;
};

/// The first key that token `token` of a span sees, as PrefillArgs say.
__device__ __forceinline__ int first_key_of(const std::int32_t* first_keys, const DeviceSpan& span,
                                            int token, int window) {
  const int said = first_keys != nullptr ? first_keys[span.row + token] : -1;
  if (said >= 0) return said;
  return window > 0 ? max(0, span.start + token + 1 - window) : 0;
}

/// One past the last key that token `token` of a span sees.
__device__ __forceinline__ int end_key_of(const std::int32_t* end_keys, const DeviceSpan& span,
                                          int token) {
  if (end_keys == nullptr) return span.start + token + 1;
  return min(end_keys[span.row + token], span.start + span.count);
}

/// Finds tile `index` when tiles of `tile_rows` packed rows (tokens times `group`) are cut from one
/// span after the other; every thread of a warp calls it. In a span the last tile, which sees the
/// most keys, comes first, so that long work starts early.
/// Returns the span, and its tile in `tile`; -1 if there are fewer tiles.
__device__ __forceinline__ int find_tile(const DeviceSpan* spans, int num_spans, int min_count,
                                         int group, int tile_rows, int index, int& tile) {
  const int lane = threadIdx.x % 32;
  for (int first = 0; first < num_spans; first += 32) {
    int count = first + lane < num_spans ? spans[first + lane].count : 0;
    if (count < min_count) count = 0;
    const int tiles = (count * group + tile_rows - 1) / tile_rows;
    int upto = tiles;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const int before = __shfl_up_sync(0xffffffffu, upto, step);
      if (lane >= step) upto += before;
    }
    const int total = __shfl_sync(0xffffffffu, upto, 31);
    if (index < total) {
      const int found = __ffs(__ballot_sync(0xffffffffu, upto > index)) - 1;
      tile = __shfl_sync(0xffffffffu, upto, found) - 1 - index;
      return first + found;
    }
    index -= total;
  }
  return -1;
}

/// A tile of a span. Its packed row r is head r % group (of the kv head's query heads) of token
/// r / group: so the heads that share keys share the loading of them, and a tile covers few tokens
/// and wastes little at the diagonal.
struct PagedWork {
  const PrefillArgs& args;
  DeviceSpan span;
  int kv_head;
  int group;
  int first_row;   ///< packed, in the span
  KeyRange all;    ///< keys that any row of the tile may see
  KeyRange every;  ///< keys that every row of the tile sees

  /// Every thread of a warp calls it.
  __device__ __forceinline__ PagedWork(const PrefillArgs& arguments, int tile_rows, int index)
      : args(arguments) {
    const AttentionShape& shape = args.shape;
    group = shape.num_heads / shape.num_kv_heads;
    kv_head = index % shape.num_kv_heads;
    int tile = 0;
    const int found = find_tile(args.spans, args.num_spans, args.min_count, group, tile_rows,
                                index / shape.num_kv_heads, tile);
    all = every = KeyRange{0, 0};
    if (found < 0) return;
    span = args.spans[found];
    first_row = tile * tile_rows;
    const int first_token = first_row / group;
    const int last_token = min((first_row + tile_rows - 1) / group, span.count - 1);
    every = KeyRange{begin_of(last_token), span.start + first_token + 1};
    all = KeyRange{begin_of(first_token), span.start + last_token + 1};
    if (args.end_keys == nullptr && args.first_keys == nullptr) return;
    all = every = KeyRange{begin_of(first_token), end_of(first_token)};
    for (int token = first_token + static_cast<int>(threadIdx.x % 32); token <= last_token;
         token += 32) {
      const KeyRange keys{begin_of(token), end_of(token)};
      widen(keys, keys);
    }
    for (int step = 16; step > 0; step /= 2) {
      widen(of_lane(all, step), of_lane(every, step));
    }
  }

  /// Takes what other tokens see, some of them and each of them, into `all` and `every`.
  __device__ __forceinline__ void widen(const KeyRange& some, const KeyRange& each) {
    all = KeyRange{min(all.begin, some.begin), max(all.end, some.end)};
    every = KeyRange{max(every.begin, each.begin), min(every.end, each.end)};
  }

  static __device__ __forceinline__ KeyRange of_lane(const KeyRange& range, int step) {
    return KeyRange{__shfl_xor_sync(0xffffffffu, range.begin, step),
                    __shfl_xor_sync(0xffffffffu, range.end, step)};
  }

  __device__ __forceinline__ bool empty() const { return all.end == 0; }

  __device__ __forceinline__ int begin_of(int token) const {
    return first_key_of(args.first_keys, span, token, args.shape.window);
  }

  __device__ __forceinline__ int end_of(int token) const {
    return end_key_of(args.end_keys, span, token);
  }

  __device__ __forceinline__ bool has_row(int row) const {
    return first_row + row < span.count * group;
  }

  __device__ __forceinline__ KeyRange keys_of(int row) const {
    const int token = min((first_row + row) / group, span.count - 1);
    return KeyRange{begin_of(token), end_of(token)};
  }

  /// Of row's element 0 in a matrix of num_heads * head_dim columns.
  __device__ __forceinline__ std::int64_t offset_of(int row, std::int64_t stride) const {
    const int token = (first_row + row) / group;
    const int head = kv_head * group + (first_row + row) - token * group;
    return (span.row + token) * stride + static_cast<std::int64_t>(head) * args.shape.head_dim;
  }

  __device__ __forceinline__ const F16* query(int row) const {
    return static_cast<const F16*>(args.queries) + offset_of(row, args.query_stride);
  }

  __device__ __forceinline__ F16* out(int row) const {
    return static_cast<F16*>(args.out) + offset_of(row, args.out_stride);
  }

  /// The page with keys [block * 64, block * 64 + 64).
  __device__ __forceinline__ std::int64_t page_row(int block) const {
    const std::int64_t page = args.kv.page_ids[span.first_page + block];
    return (page * args.shape.num_kv_heads + kv_head) * kPageTokens;
  }

  __device__ __forceinline__ RowBlock keys(int block) const {
    const int head_dim = args.shape.head_dim;
    return {static_cast<const F16*>(args.kv.keys) + page_row(block) * head_dim, head_dim};
  }

  __device__ __forceinline__ RowBlock values(int block) const {
    const int head_dim = args.shape.head_dim;
    return {static_cast<const F16*>(args.kv.values) + page_row(block) * head_dim, head_dim};
  }
};

/// A tile of rows of one segment and head; all rows see all keys of the segment.
struct SegmentWork {
  const SegmentArgs& args;
  int head;
  int segment_row;  ///< the segment's first row in the matrices
  int first_row;    ///< in the segment
  KeyRange all;
  KeyRange every;

  /// Leaves segments alone whose rows are not in [min_rows, max_rows]: each kernel has its lengths,
  /// so that a segment's bits do not depend on the others.
  __device__ __forceinline__ SegmentWork(const SegmentArgs& arguments, int tile_rows, int tile,
                                         int segment, int head_index, int min_rows, int max_rows)
      : args(arguments), head(head_index), first_row(tile * tile_rows) {
    segment_row = segment > 0 ? args.ends[segment - 1] : 0;
    int rows = args.ends[segment] - segment_row;
    if (rows < min_rows || rows > max_rows || first_row >= rows) rows = 0;
    all = every = KeyRange{0, rows};
  }

  __device__ __forceinline__ bool empty() const { return all.end == 0; }
  __device__ __forceinline__ bool has_row(int row) const { return first_row + row < all.end; }
  __device__ __forceinline__ KeyRange keys_of(int) const { return all; }

  __device__ __forceinline__ std::int64_t offset_of(int row, std::int64_t stride) const {
    return (segment_row + row) * stride + static_cast<std::int64_t>(head) * args.shape.head_dim;
  }

  __device__ __forceinline__ const F16* query(int row) const {
    return static_cast<const F16*>(args.queries) + offset_of(first_row + row, args.stride);
  }

  __device__ __forceinline__ F16* out(int row) const {
    return static_cast<F16*>(args.out) + offset_of(first_row + row, args.out_stride);
  }

  __device__ __forceinline__ RowBlock keys(int block) const {
    return {static_cast<const F16*>(args.keys) + offset_of(block * kPageTokens, args.stride),
            args.stride};
  }

  __device__ __forceinline__ RowBlock values(int block) const {
    return {static_cast<const F16*>(args.values) + offset_of(block * kPageTokens, args.stride),
            args.stride};
  }
};

}  // namespace saccade::compute::cuda
