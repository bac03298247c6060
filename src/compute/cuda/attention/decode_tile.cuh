// A block's part of decoding: up to 16 query heads of one token over some of its keys. Each warp
// takes its keys 16 at a time through shared memory of its own, so that nothing in the loop waits
// for another warp.
#pragma once

#include <algorithm>

#include "compute/cuda/attention/mma_tile.cuh"

namespace saccade::compute::cuda {

constexpr int kDecodeWarps = 4;
constexpr int kDecodeThreads = kDecodeWarps * 32;
/// Query heads of a kv head that a block takes: the rows of a matrix fragment.
constexpr int kGroupRows = 16;
constexpr int kChunkKeys = 16;
constexpr int kMaxSplits = 128;
constexpr int kMaxCluster = 16;

/// Four columns of a head summed over some keys: maximum and sum of weights, weighted values.
struct Part {
  float2 scale;
  float4 value;
};

/// What a part's sum counts when `highest` is the maximum of all parts; 0 for a part without keys.
__device__ __forceinline__ float weight_of(float maximum, float highest) {
  return maximum == -INFINITY ? 0.0f : ptx::exp2(maximum - highest);
}

__device__ __forceinline__ void add_scaled(float4& sum, float weight, const float4& value) {
  sum.x += weight * value.x;
  sum.y += weight * value.y;
  sum.z += weight * value.z;
  sum.w += weight * value.w;
}

/// Adds parts up in their order.
template <int kParts>
__device__ __forceinline__ Part merge(const Part (&parts)[kParts]) {
  Part merged = {make_float2(-INFINITY, 0.0f), make_float4(0.0f, 0.0f, 0.0f, 0.0f)};
#pragma unroll
  for (int i = 0; i < kParts; ++i) merged.scale.x = fmaxf(merged.scale.x, parts[i].scale.x);
#pragma unroll
  for (int i = 0; i < kParts; ++i) {
    const float weight = weight_of(parts[i].scale.x, merged.scale.x);
    merged.scale.y += weight * parts[i].scale.y;
    add_scaled(merged.value, weight, parts[i].value);
  }
  return merged;
}

/// Shared memory of a block. Copies of keys and values and, after the loop, the sums of warps take
/// the same place; what other blocks of the cluster send has its own, since they may be done
/// earlier.
template <int kHeadDim, int kStages>
struct DecodeMemory {
  using Layout = RowTile<kHeadDim>;
  static constexpr int kChunkBytes = kChunkKeys * Layout::kStride * 2;
  static constexpr int kWarpBytes = kStages * 2 * kChunkBytes;
  /// Eight floats of padding keep eight rows of a fragment in different banks.
  static constexpr int kSumsStride = kHeadDim + 8;
  static constexpr int kSumsBytes = kDecodeWarps * kGroupRows * (kSumsStride + 2) * 4;
  /// Weights of parts, when the last block adds them up.
  static constexpr int kWeightsBytes = (kMaxSplits + 1) * kGroupRows * 4;
  static constexpr int kOwnBytes = std::max({kDecodeWarps * kWarpBytes, kSumsBytes, kWeightsBytes});
  static constexpr int kQuads = kGroupRows * kHeadDim / 4;
  /// Shares of the columns are rounded up to eight quads.
  static constexpr int kReceivedQuads = kQuads + 8 * kMaxCluster;
  static constexpr int kReceivedBytes = kReceivedQuads * 16 + kMaxCluster * kGroupRows * 8;
  static constexpr int kFreshBytes = 2 * kHeadDim * 2;
  static constexpr int kBytes = kOwnBytes + kReceivedBytes + kFreshBytes;

  unsigned char* begin;

  /// [kDecodeWarps, kGroupRows, kSumsStride]
  __device__ __forceinline__ float* sums() const { return reinterpret_cast<float*>(begin); }
  /// [kDecodeWarps, kGroupRows]
  __device__ __forceinline__ float2* scales() const {
    return reinterpret_cast<float2*>(sums() + kDecodeWarps * kGroupRows * kSumsStride);
  }
  /// [members of the cluster, quads of columns that this block adds up]
  __device__ __forceinline__ float4* received_values() const {
    return reinterpret_cast<float4*>(begin + kOwnBytes);
  }
  /// [members of the cluster, kGroupRows]
  __device__ __forceinline__ float2* received_scales() const {
    return reinterpret_cast<float2*>(received_values() + kReceivedQuads);
  }
  /// Key and value of a token that is not in its page yet, [2, kHeadDim].
  __device__ __forceinline__ F16* fresh() const {
    return reinterpret_cast<F16*>(begin + kOwnBytes + kReceivedBytes);
  }
};

template <int kHeadDim, int kStages>
struct DecodeTile {
  using Layout = RowTile<kHeadDim>;
  using Memory = DecodeMemory<kHeadDim, kStages>;
  static constexpr int kOutTiles = kHeadDim / 8;

  float out[kOutTiles][4] = {};
  RunningSoftmax softmax;
  std::uint32_t queries[kHeadDim / 16][4];

  /// `first`: the first of `heads` rows of queries, head_dim apart.
  __device__ __forceinline__ void load_queries(const F16* first, int heads, int head_dim) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = lane / 4 + i % 2 * 8;
        const int column = step * 16 + i / 2 * 8 + lane % 4 * 2;
        const bool present = row < heads && column < head_dim;
        queries[step][i] =
            present ? *reinterpret_cast<const std::uint32_t*>(first + row * head_dim + column) : 0u;
      }
    }
  }

  /// Even and odd steps have sums of their own: half the time to wait for the last product.
  __device__ __forceinline__ void multiply_keys(float (&scores)[2][4], std::uint32_t keys) {
    const int lane = threadIdx.x % 32;
    float sums[2][2][4] = {};
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      std::uint32_t b[4];
      ptx::load_matrices(b,
                         keys + Layout::offset(lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
      ptx::multiply_add(sums[step % 2][0], queries[step], b[0], b[1]);
      ptx::multiply_add(sums[step % 2][1], queries[step], b[2], b[3]);
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      scores[i / 4][i % 4] = sums[0][i / 4][i % 4] + sums[1][i / 4][i % 4];
  }

  __device__ __forceinline__ void add_chunk(std::uint32_t keys, std::uint32_t values,
                                            const ScoreMap& map, int first_key,
                                            const KeyRange& range) {
    const int lane = threadIdx.x % 32;
    float scores[2][4];
    multiply_keys(scores, keys);
    if (map.to_cap != 0.0f) cap_scores(scores, map.to_cap);
    mask_scores(scores, first_key + lane % 4 * 2, range, range);
    float factor[2];
    softmax.update(scores, map.to_log2, factor);
#pragma unroll
    for (int i = 0; i < kOutTiles * 4; ++i) out[i / 4][i % 4] *= factor[i % 4 / 2];
    const std::uint32_t a[4] = {
        ptx::pack(scores[0][0], scores[0][1]), ptx::pack(scores[0][2], scores[0][3]),
        ptx::pack(scores[1][0], scores[1][1]), ptx::pack(scores[1][2], scores[1][3])};
#pragma unroll
    for (int pair = 0; pair < kOutTiles / 2; ++pair) {
      std::uint32_t b[4];
      ptx::load_matrices_transposed(b, values + Layout::offset(lane % 16, pair * 2 + lane / 16));
      ptx::multiply_add(out[2 * pair], a, b[0], b[1]);
      ptx::multiply_add(out[2 * pair + 1], a, b[2], b[3]);
    }
  }

  /// Whether it is this warp that takes key `key` of `range`.
  static __device__ __forceinline__ bool takes(const KeyRange& range, int key) {
    return (key / kChunkKeys - range.begin / kChunkKeys) % kDecodeWarps ==
           static_cast<int>(threadIdx.x / 32);
  }

  /// Rows `row` of the keys and values of a chunk from memory.fresh().
  static __device__ __forceinline__ void put_fresh(std::uint32_t at, const Memory& block, int row) {
    for (int chunk = threadIdx.x % 32; chunk < 2 * Layout::kChunks; chunk += 32) {
      const int column = chunk % Layout::kChunks;
      const std::uint32_t matrix = at + chunk / Layout::kChunks * Memory::kChunkBytes;
      ptx::store_shared(matrix + Layout::offset(row, column),
                        reinterpret_cast<const uint4*>(block.fresh())[chunk]);
    }
    __syncwarp();
  }

  /// This warp's part of the keys of `range`, of which those before `stored_end` are in pages and
  /// at most one is in memory.fresh(). begin() loads the queries, and what belongs there: at once,
  /// or
  /// (`begin_late`) when the first keys are on their way. Loading and adding are written once each:
  /// unrolled prologues outgrew the instruction cache, and a chunk took twice as long.
  template <class Begin>
  __device__ __forceinline__ void run(const DecodeArgs& args, const DeviceSpan& span, int kv_head,
                                      const KeyRange& range, int stored_end, const ScoreMap& map,
                                      bool wide, const Memory& block, bool begin_late,
                                      const Begin& begin) {
    constexpr int kAhead = kStages * kDecodeWarps;
    const AttentionShape& shape = args.shape;
    const int lane = threadIdx.x % 32;
    const int warp = threadIdx.x / 32;
    const std::uint32_t memory = ptx::shared_address(block.begin) + warp * Memory::kWarpBytes;
    const int first_chunk = range.begin / kChunkKeys + warp;
    const int end_chunk = (range.end + kChunkKeys - 1) / kChunkKeys;
    // Lane i knows page first_page + i, so that copies need not wait for the table.
    int first_page = range.begin / kPageTokens;
    const int end_page = (range.end + kPageTokens - 1) / kPageTokens;
    const std::int32_t* table = args.kv.page_ids + span.first_page;
    int page = first_page + lane < end_page ? table[first_page + lane] : 0;
    const auto load = [&](int chunk, std::uint32_t to) {
      const int index = chunk * kChunkKeys / kPageTokens;
      if (index - first_page >= 32) {
        first_page += 32;
        page = first_page + lane < end_page ? table[first_page + lane] : 0;
      }
      const std::int64_t id = __shfl_sync(0xffffffffu, page, index - first_page);
      const std::int64_t row =
          (id * shape.num_kv_heads + kv_head) * kPageTokens + chunk * kChunkKeys % kPageTokens;
      const int rows = stored_end - chunk * kChunkKeys;
      const std::int64_t offset = row * shape.head_dim;
      copy_rows<Layout, kChunkKeys, 32>(to, static_cast<const F16*>(args.kv.keys) + offset,
                                        shape.head_dim, rows, shape.head_dim, wide, lane);
      copy_rows<Layout, kChunkKeys, 32>(to + Memory::kChunkBytes,
                                        static_cast<const F16*>(args.kv.values) + offset,
                                        shape.head_dim, rows, shape.head_dim, wide, lane);
    };
    const int begin_chunk = begin_late ? first_chunk : first_chunk - kAhead;
    std::uint32_t at = memory;
#pragma unroll 1
    for (int chunk = first_chunk - kAhead; chunk < end_chunk || chunk <= first_chunk;
         chunk += kDecodeWarps) {
      if (chunk == begin_chunk) begin();
      if (chunk >= first_chunk && chunk < end_chunk) {
        ptx::copy_wait<kStages - 1>();
        __syncwarp();
        if (stored_end < range.end && chunk == stored_end / kChunkKeys) {
          put_fresh(at, block, stored_end % kChunkKeys);
        }
        add_chunk(at, at + Memory::kChunkBytes, map, chunk * kChunkKeys, range);
        __syncwarp();
      }
      if (chunk + kAhead < end_chunk) load(chunk + kAhead, at);
      ptx::copy_commit();
      at += 2 * Memory::kChunkBytes;
      if (at == memory + Memory::kWarpBytes) at = memory;
    }
    ptx::copy_wait<0>();
  }

  /// Leaves this warp's sums and (maximum, sum) of its rows in shared memory.
  __device__ __forceinline__ void share(const Memory& memory, int heads) {
    softmax.finish();
    const int lane = threadIdx.x % 32;
    const int warp = threadIdx.x / 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (half * 8 >= heads) break;
      const int row = warp * kGroupRows + half * 8 + lane / 4;
      if (lane % 4 == 0) {
        memory.scales()[row] = make_float2(softmax.maximum[half], softmax.sum[half]);
      }
#pragma unroll
      for (int i = 0; i < kOutTiles; ++i) {
        *reinterpret_cast<float2*>(memory.sums() + row * Memory::kSumsStride + i * 8 +
                                   lane % 4 * 2) =
            make_float2(out[i][2 * half], out[i][2 * half + 1]);
      }
    }
  }

  /// Adds up the warps' sums and passes them to use(head, column, part), four columns at a time.
  template <class Use>
  static __device__ __forceinline__ void merge_warps(const Memory& memory, int quads,
                                                     const Use& use) {
    for (int index = threadIdx.x; index < quads; index += kDecodeThreads) {
      const int head = index / (kHeadDim / 4);
      const int column = index % (kHeadDim / 4) * 4;
      Part parts[kDecodeWarps];
#pragma unroll
      for (int warp = 0; warp < kDecodeWarps; ++warp) {
        const int row = warp * kGroupRows + head;
        parts[warp] = {
            memory.scales()[row],
            *reinterpret_cast<const float4*>(memory.sums() + row * Memory::kSumsStride + column)};
      }
      use(head, column, merge(parts));
    }
  }
};

}  // namespace saccade::compute::cuda
