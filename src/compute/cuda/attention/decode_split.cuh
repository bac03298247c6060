// Which keys of which sequence a block of decoding works on.
#pragma once

#include <algorithm>

#include "compute/cuda/attention/decode_tile.cuh"
#include "compute/cuda/attention/work.cuh"

namespace saccade::compute::cuda {

/// How a launch cuts its work. Splits that are in one cluster sum through shared memory, others
/// leave parts in the workspace.
struct DecodePlan {
  int num_splits;     ///< of a grid: blocks for a span and tile of heads
  int cluster;        ///< blocks of a cluster: all splits, or with shares two
  int shares;         ///< blocks of the launch, each given as many pages as others; 0: a grid
  int min_pages;      ///< of a grid: no block takes fewer pages, except the last
  int group;          ///< query heads of a kv head
  int group_tiles;    ///< tiles of 16 of them
  int part_rows;      ///< heads of a tile at most
  float* parts;       ///< [parts, part_rows, kHeadDim], those of a group after each other
  float2* scales;     ///< [parts, part_rows]
  unsigned* arrived;  ///< [kCounters], zero between launches
};

/// A block's work: some keys of a span, and a tile of the query heads of a kv head ("group").
struct Split {
  DeviceSpan span;
  int place;  ///< of the span among spans; -1: there is nothing to do
  int group;  ///< kv head * group tiles + tile
  KeyRange keys;
  int index;
  int count;       ///< of splits of this span and group
  int first_part;  ///< of theirs in the workspace

  /// Whether the splits are in one cluster, in which their index is the block's.
  __device__ __forceinline__ bool clustered(const DecodePlan& plan) const {
    return count > 1 && count <= plan.cluster;
  }
};

/// Keys of a span's token.
__device__ __forceinline__ KeyRange keys_of(const DecodeArgs& args, const DeviceSpan& span) {
  return {first_key_of(args.first_keys, span, 0, args.shape.window),
          end_key_of(args.end_keys, span, 0)};
}

__device__ __forceinline__ int pages_of(const KeyRange& keys) {
  return (keys.end + kPageTokens - 1) / kPageTokens - keys.begin / kPageTokens;
}

/// Pages [index * pages, index * pages + pages) of those that `keys` lie in.
__device__ __forceinline__ KeyRange part_of(const KeyRange& keys, int index, int pages) {
  const int first = keys.begin / kPageTokens + index * pages;
  return {max(keys.begin, first * kPageTokens), min(keys.end, (first + pages) * kPageTokens)};
}

/// Of a grid: splits, groups, spans.
__device__ __forceinline__ Split grid_split(const DecodeArgs& args, const DecodePlan& plan) {
  Split split = {};
  split.span = args.spans[blockIdx.z];
  split.place = -1;
  if (split.span.count != 1) return split;
  const KeyRange keys = keys_of(args, split.span);
  const int all = pages_of(keys);
  const int pages = max((all + plan.num_splits - 1) / plan.num_splits, plan.min_pages);
  split.index = static_cast<int>(blockIdx.x);
  split.count = (all + pages - 1) / pages;
  if (split.index >= split.count) return split;
  split.place = static_cast<int>(blockIdx.z);
  split.group = static_cast<int>(blockIdx.y);
  split.keys = part_of(keys, split.index, pages);
  split.first_part = static_cast<int>(blockIdx.z * gridDim.y + blockIdx.y) * plan.num_splits;
  return split;
}

__device__ __forceinline__ int warp_sum(int value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

/// Blocks of a span with so many splits of each group. Spans begin at even blocks, so that two
/// splits are in one cluster.
__host__ __device__ inline int share_blocks(int groups, int splits) {
  return (groups * splits + 1) / 2 * 2;
}

/// Gives every block about the same number of pages, whatever the lengths of sequences: of all
/// numbers of pages tried, the first with which the blocks of the launch suffice. Every span has
/// room for one split of each group. Every thread of a warp calls it.
__device__ __forceinline__ Split share_split(const DecodeArgs& args, const DecodePlan& plan) {
  const int lane = threadIdx.x % 32;
  const int groups = args.shape.num_kv_heads * plan.group_tiles;
  const auto pages_at = [&](int index) {
    if (index >= args.num_spans) return 0;
    const DeviceSpan span = args.spans[index];
    return span.count == 1 ? pages_of(keys_of(args, span)) : 0;
  };
  const auto sum_over_spans = [&](const auto& of_pages) {
    int sum = 0;
    for (int index = lane; index < args.num_spans; index += 32) sum += of_pages(pages_at(index));
    return warp_sum(sum);
  };
  const int all = sum_over_spans([&](int pages) { return pages * groups; });
  int share = max(1, (all + plan.shares - 1) / plan.shares);
  const auto splits_of = [&](int pages) { return (pages + share - 1) / share; };
  const auto blocks_of = [&](int pages) { return share_blocks(groups, splits_of(pages)); };
  while (sum_over_spans(blocks_of) > plan.shares) share += (share + 7) / 8;

  Split split = {};
  split.place = -1;
  int index = static_cast<int>(blockIdx.x);
  for (int first = 0; first < args.num_spans; first += 32) {
    const int splits = splits_of(pages_at(first + lane));
    const int blocks = share_blocks(groups, splits);
    int upto = blocks;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const int before = __shfl_up_sync(0xffffffffu, upto, step);
      if (lane >= step) upto += before;
    }
    const int total = __shfl_sync(0xffffffffu, upto, 31);
    if (index >= total) {
      index -= total;
      continue;
    }
    const int found = __ffs(__ballot_sync(0xffffffffu, upto > index)) - 1;
    split.count = __shfl_sync(0xffffffffu, splits, found);
    index -= __shfl_sync(0xffffffffu, upto - blocks, found);
    split.group = index / split.count;
    if (split.group >= groups) return split;  // only there to make the number even
    split.place = first + found;
    split.span = args.spans[split.place];
    split.index = index % split.count;
    split.keys = part_of(keys_of(args, split.span), split.index, share);
    split.first_part = static_cast<int>(blockIdx.x) - split.index;
    return split;
  }
  return split;
}

}  // namespace saccade::compute::cuda
