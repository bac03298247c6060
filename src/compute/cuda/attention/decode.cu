// Attention of single tokens, after Flash-Decoding (Dao et al., 2023): keys are split over blocks,
// and each warp takes its keys 16 at a time through shared memory of its own, so that nothing in
// the loop waits for another warp. The query heads of a kv head are the rows of one matrix
// fragment.
#include <algorithm>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/mma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
constexpr int kChunkKeys = 16;
constexpr int kGroupRows = 16;
constexpr int kClusterPages = 4;
constexpr int kMaxSplits = 128;
constexpr int kMaxCluster = 8;
/// More spans and kv heads than this are never summed over clusters.
constexpr int kCounters = 4096;

/// Launch dimensions and the caller's workspace: partial sums of splits, their maxima and sums, and
/// how many splits have arrived.
struct DecodePlan {
  int num_splits;     ///< blocks of a span and kv head, a multiple of cluster
  int cluster;        ///< blocks that add up their sums through each other's shared memory
  int cluster_pages;  ///< a block of a cluster takes up to this many before further clusters help
  int group_tiles;    ///< tiles of 16 query heads of a kv head
  float* partial;  ///< [num_spans, num_kv_heads, group_tiles, num_splits / cluster, 16, head_dim]
  float2* scales;  ///< [num_spans, num_kv_heads, group_tiles, num_splits / cluster, 16]
  unsigned* arrived;  ///< [kCounters], zero between launches
};

template <int kHeadDim>
struct DecodeTile {
  using Layout = RowTile<kHeadDim>;
  static constexpr int kStages = kHeadDim <= 128 ? 3 : 2;
  static constexpr int kChunkBytes = kChunkKeys * Layout::kStride * 2;
  static constexpr int kWarpBytes = kStages * 2 * kChunkBytes;
  static constexpr int kOutTiles = kHeadDim / 8;
  /// After the loop the same memory holds the sums of each warp and the block, then the weights of
  /// clusters.
  static constexpr int kSumsBytes = (kWarps + 1) * kGroupRows * (kHeadDim + 2) * 4;
  static constexpr int kSharedBytes =
      std::max({kWarps * kWarpBytes, kSumsBytes, kMaxSplits* kGroupRows * 8});

  float out[kOutTiles][4] = {};
  RunningSoftmax softmax;
  std::uint32_t queries[kHeadDim / 16][4];

  /// `first`: the first of `heads` rows of queries, head_dim apart.
  __device__ __forceinline__ void load_queries(const Bf16* first, int heads, int head_dim) {
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

  static __device__ __forceinline__ void load_chunk(std::uint32_t to, const Bf16* first,
                                                    int num_rows, int head_dim, bool wide) {
    constexpr int kCopies = kChunkKeys * Layout::kChunks / 32;
#pragma unroll
    for (int i = 0; i < kCopies; ++i) {
      const int index = i * 32 + threadIdx.x % 32;
      const int row = index / Layout::kChunks;
      const int chunk = index % Layout::kChunks;
      copy_chunk(to + Layout::offset(row, chunk), first + row * head_dim, chunk * 8, head_dim,
                 row < num_rows, wide);
    }
  }

  __device__ __forceinline__ void add_chunk(std::uint32_t keys, std::uint32_t values,
                                            const ScoreMap& map, int first_key,
                                            const KeyRange& range) {
    const int lane = threadIdx.x % 32;
    float scores[2][4] = {};
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      std::uint32_t b[4];
      ptx::load_matrices(b,
                         keys + Layout::offset(lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
      ptx::multiply_add(scores[0], queries[step], b[0], b[1]);
      ptx::multiply_add(scores[1], queries[step], b[2], b[3]);
    }
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

  /// This warp's part of the keys of `range`, which begins in 16-key chunk range.begin / 16.
  __device__ __forceinline__ void run(const DecodeArgs& args, const DeviceSpan& span, int kv_head,
                                      const KeyRange& range, const ScoreMap& map, bool wide,
                                      std::uint32_t shared) {
    const AttentionShape& shape = args.shape;
    const int lane = threadIdx.x % 32;
    const int warp = threadIdx.x / 32;
    const std::uint32_t memory = shared + warp * kWarpBytes;
    const int first_chunk = range.begin / kChunkKeys + warp;
    const int end_chunk = (range.end + kChunkKeys - 1) / kChunkKeys;
    // Lane i knows page first_page + i, so that copies need not wait for the table.
    int first_page = range.begin / kPageTokens;
    const int end_page = (range.end + kPageTokens - 1) / kPageTokens;
    const std::int32_t* table = args.kv.page_ids + span.first_page;
    int page = first_page + lane < end_page ? table[first_page + lane] : 0;
    const auto load = [&](int chunk, int stage) {
      if (chunk < end_chunk) {
        const int index = chunk * kChunkKeys / kPageTokens;
        if (index - first_page >= 32) {
          first_page += 32;
          page = first_page + lane < end_page ? table[first_page + lane] : 0;
        }
        const std::int64_t id = __shfl_sync(0xffffffffu, page, index - first_page);
        const std::int64_t row =
            (id * shape.num_kv_heads + kv_head) * kPageTokens + chunk * kChunkKeys % kPageTokens;
        const int rows = range.end - chunk * kChunkKeys;
        const std::uint32_t to = memory + stage * 2 * kChunkBytes;
        load_chunk(to, static_cast<const Bf16*>(args.kv.keys) + row * shape.head_dim, rows,
                   shape.head_dim, wide);
        load_chunk(to + kChunkBytes,
                   static_cast<const Bf16*>(args.kv.values) + row * shape.head_dim, rows,
                   shape.head_dim, wide);
      }
      ptx::copy_commit();
    };
#pragma unroll
    for (int stage = 0; stage < kStages; ++stage) load(first_chunk + stage * kWarps, stage);
    int stage = 0;
    for (int chunk = first_chunk; chunk < end_chunk; chunk += kWarps) {
      ptx::copy_wait<kStages - 1>();
      __syncwarp();
      const std::uint32_t at = memory + stage * 2 * kChunkBytes;
      add_chunk(at, at + kChunkBytes, map, chunk * kChunkKeys, range);
      __syncwarp();
      load(chunk + kStages * kWarps, stage);
      stage = stage + 1 == kStages ? 0 : stage + 1;
    }
    ptx::copy_wait<0>();
    softmax.finish();
  }

  /// Leaves this warp's sums [16, kHeadDim] and (maximum, sum) of its rows in shared memory.
  __device__ __forceinline__ void share(float* sums, float2* scales) {
    const int lane = threadIdx.x % 32;
    const int warp = threadIdx.x / 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp * kGroupRows + half * 8 + lane / 4;
      if (lane % 4 == 0) scales[row] = make_float2(softmax.maximum[half], softmax.sum[half]);
#pragma unroll
      for (int i = 0; i < kOutTiles; ++i) {
        *reinterpret_cast<float2*>(sums + row * kHeadDim + i * 8 + lane % 4 * 2) =
            make_float2(out[i][2 * half], out[i][2 * half + 1]);
      }
    }
  }
};

/// What a part's sum counts when `highest` is the maximum of all parts; 0 for a part without keys.
__device__ __forceinline__ float weight_of(float maximum, float highest) {
  return maximum == -INFINITY ? 0.0f : ptx::exp2(maximum - highest);
}

/// Two columns of a head summed over some keys: maximum, sum of weights, weighted values.
struct Part {
  float2 scale;
  float2 value;
};

/// Adds parts up in their order.
template <int kParts>
__device__ __forceinline__ Part merge(const Part (&parts)[kParts]) {
  Part merged = {make_float2(-INFINITY, 0.0f), make_float2(0.0f, 0.0f)};
#pragma unroll
  for (int i = 0; i < kParts; ++i) merged.scale.x = fmaxf(merged.scale.x, parts[i].scale.x);
#pragma unroll
  for (int i = 0; i < kParts; ++i) {
    const float weight = weight_of(parts[i].scale.x, merged.scale.x);
    merged.scale.y += weight * parts[i].scale.y;
    merged.value.x += weight * parts[i].value.x;
    merged.value.y += weight * parts[i].value.y;
  }
  return merged;
}

__device__ __forceinline__ void store_normalized(Bf16* to, const float2& value, float sum) {
  const float inverse = sum > 0.0f ? __fdividef(1.0f, sum) : 0.0f;
  *reinterpret_cast<std::uint32_t*>(to) = ptx::pack(value.x * inverse, value.y * inverse);
}

/// The last block of a group adds up the clusters' sums, always from the first to the last.
template <int kHeadDim>
__device__ __forceinline__ void combine_parts(const float* values, const float2* scales,
                                              int num_parts, int heads, int head_dim, Bf16* out,
                                              unsigned char* shared) {
  float* weights = reinterpret_cast<float*>(shared);  // [heads, num_parts]
  float* sums = weights + kGroupRows * kMaxSplits;    // [heads]
  const int lane = threadIdx.x % 32;
  for (int head = threadIdx.x / 32; head < heads; head += kWarps) {
    float highest = -INFINITY;
    for (int part = lane; part < num_parts; part += 32) {
      highest = fmaxf(highest, __ldcg(&scales[part * kGroupRows + head]).x);
    }
    for (int step = 16; step > 0; step /= 2) {
      highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, step));
    }
    float sum = 0.0f;
    for (int part = lane; part < num_parts; part += 32) {
      const float2 scale = __ldcg(&scales[part * kGroupRows + head]);
      const float weight = weight_of(scale.x, highest);
      weights[head * num_parts + part] = weight;
      sum += weight * scale.y;
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (lane == 0) sums[head] = sum;
  }
  __syncthreads();
  for (int index = threadIdx.x; index < heads * (kHeadDim / 2); index += kThreads) {
    const int head = index / (kHeadDim / 2);
    const int column = index % (kHeadDim / 2) * 2;
    if (column >= head_dim) continue;
    const float* from = values + head * kHeadDim + column;
    float2 total = make_float2(0.0f, 0.0f);
#pragma unroll 8
    for (int part = 0; part < num_parts; ++part) {
      const float2 value =
          __ldcg(reinterpret_cast<const float2*>(from + part * kGroupRows * kHeadDim));
      const float weight = weights[head * num_parts + part];
      total.x += weight * value.x;
      total.y += weight * value.y;
    }
    store_normalized(out + head * head_dim + column, total, sums[head]);
  }
}

/// Which keys of a span a block works on.
struct Split {
  KeyRange range;
  int index;         ///< of the block among all that share the span and kv head
  int num_splits;    ///< with keys
  int rank;          ///< of the block in its cluster
  int members;       ///< of the cluster with keys
  int cluster;       ///< of the block among the clusters of the span and kv head
  int num_clusters;  ///< with keys
};

/// Whole pages for each split: as many splits as there are keys for, but those of one cluster only
/// where that is enough, since summing over clusters costs more than a few pages.
__device__ __forceinline__ Split split_keys(const DeviceSpan& span, int window,
                                            const DecodePlan& plan) {
  const int begin = window > 0 ? max(0, span.start + 1 - window) : 0;
  const int end = span.start + 1;
  const int first_page = begin / kPageTokens;
  const int num_pages = (end + kPageTokens - 1) / kPageTokens - first_page;
  const bool alone = num_pages <= plan.cluster * plan.cluster_pages;
  const int most = alone ? plan.cluster : plan.num_splits;
  const int pages = (num_pages + most - 1) / most;
  Split split;
  split.index = blockIdx.x;
  split.num_splits = (num_pages + pages - 1) / pages;
  split.rank = split.index % plan.cluster;
  split.cluster = split.index / plan.cluster;
  split.members = min(plan.cluster, split.num_splits - split.cluster * plan.cluster);
  split.num_clusters = (split.num_splits + plan.cluster - 1) / plan.cluster;
  split.range = {max(begin, (first_page + split.index * pages) * kPageTokens),
                 min(end, (first_page + (split.index + 1) * pages) * kPageTokens)};
  return split;
}

/// Grid: splits (in clusters of plan.cluster), kv heads times tiles of their query heads, spans.
template <int kHeadDim>
__global__ void __launch_bounds__(kThreads, 2)
    decode_kernel(const __grid_constant__ DecodeArgs args, const __grid_constant__ DecodePlan plan,
                  ScoreMap map, bool wide) {
  using Tile = DecodeTile<kHeadDim>;
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ bool last;
  ptx::allow_next_kernel();
  ptx::wait_for_previous_kernels();
  const DeviceSpan span = args.spans[blockIdx.z];
  if (span.count != 1) return;
  const AttentionShape& shape = args.shape;
  const Split split = split_keys(span, shape.window, plan);
  if (split.index >= split.num_splits) return;
  const int kv_head = blockIdx.y / plan.group_tiles;
  const int group = shape.num_heads / shape.num_kv_heads;
  const int group_tile = blockIdx.y % plan.group_tiles;
  const int first_head = kv_head * group + group_tile * kGroupRows;
  const int heads = min(kGroupRows, group - group_tile * kGroupRows);

  float* sums = reinterpret_cast<float*>(shared);             // [kWarps, kGroupRows, kHeadDim]
  float* block_sums = sums + kWarps * kGroupRows * kHeadDim;  // [kGroupRows, kHeadDim]
  float2* scales = reinterpret_cast<float2*>(block_sums + kGroupRows * kHeadDim);
  float2* block_scales = scales + kWarps * kGroupRows;
  {
    Tile tile;
    tile.load_queries(static_cast<const Bf16*>(args.queries) + span.row * args.query_stride +
                          first_head * shape.head_dim,
                      heads, shape.head_dim);
    tile.run(args, span, kv_head, split.range, map, wide, ptx::shared_address(shared));
    __syncthreads();
    tile.share(sums, scales);
  }
  __syncthreads();

  const std::int64_t place = static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
  const std::int64_t max_clusters = plan.num_splits / plan.cluster;
  float2* part_scales = plan.scales + place * max_clusters * kGroupRows;
  float* part_values = plan.partial + place * max_clusters * kGroupRows * kHeadDim;
  Bf16* out =
      static_cast<Bf16*>(args.out) + span.row * args.out_stride + first_head * shape.head_dim;
  const auto emit = [&](int head, int column, const Part& part) {
    if (split.num_clusters == 1) {
      if (column < shape.head_dim) {
        store_normalized(out + head * shape.head_dim + column, part.value, part.scale.y);
      }
      return;
    }
    const int row = split.cluster * kGroupRows + head;
    *reinterpret_cast<float2*>(part_values + row * kHeadDim + column) = part.value;
    if (column == 0) part_scales[row] = part.scale;
  };
  const int pairs = heads * (kHeadDim / 2);
  for (int index = threadIdx.x; index < pairs; index += kThreads) {
    const int head = index / (kHeadDim / 2);
    const int column = index % (kHeadDim / 2) * 2;
    Part parts[kWarps];
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
      const int row = warp * kGroupRows + head;
      parts[warp] = {scales[row], *reinterpret_cast<const float2*>(sums + row * kHeadDim + column)};
    }
    const Part merged = merge(parts);
    if (split.members == 1) {
      emit(head, column, merged);
    } else {
      *reinterpret_cast<float2*>(block_sums + head * kHeadDim + column) = merged.value;
      if (column == 0) block_scales[head] = merged.scale;
    }
  }
  if (split.members > 1) {
    ptx::cluster_sync();
    for (int index = split.rank * kThreads + threadIdx.x; index < pairs;
         index += split.members * kThreads) {
      const int head = index / (kHeadDim / 2);
      const int column = index % (kHeadDim / 2) * 2;
      Part parts[kMaxCluster];
#pragma unroll
      for (int rank = 0; rank < kMaxCluster; ++rank) {
        parts[rank] = {make_float2(-INFINITY, 0.0f), make_float2(0.0f, 0.0f)};
        if (rank >= split.members) continue;
        parts[rank] = {ptx::load_from_cluster(block_scales + head, rank),
                       ptx::load_from_cluster(
                           reinterpret_cast<float2*>(block_sums + head * kHeadDim + column), rank)};
      }
      emit(head, column, merge(parts));
    }
    // Nobody leaves while its memory is read.
    ptx::cluster_sync();
  }
  if (split.num_clusters == 1) return;
  __threadfence();
  __syncthreads();
  // The counter wraps to zero with the last arrival, ready for the next launch.
  if (threadIdx.x == 0) {
    const unsigned others = split.num_splits - 1;
    last = atomicInc(plan.arrived + place, others) == others;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  combine_parts<kHeadDim>(part_values, part_scales, split.num_clusters, heads, shape.head_dim, out,
                          shared);
}

int padded_head_dim(int head_dim) {
  int padded = 0;
  with_padded_head_dim(head_dim, [&](auto size) {
    padded = size.value;
    return cudaSuccess;
  });
  return padded;
}

/// Two blocks for each multiprocessor fill the device; more would only cost sums.
std::int64_t wanted_blocks() {
  int device = 0;
  int multiprocessors = 1;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  return 2 * multiprocessors;
}

int max_cluster() {
  int device = 0;
  int major = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  return major >= 9 ? kMaxCluster : 1;
}

std::int64_t groups_of(const AttentionShape& shape, int num_spans) {
  const int group = shape.num_heads / shape.num_kv_heads;
  const int tiles = (group + kGroupRows - 1) / kGroupRows;
  return static_cast<std::int64_t>(num_spans) * shape.num_kv_heads * tiles;
}

DecodePlan make_plan(const DecodeArgs& args) {
  const AttentionShape& shape = args.shape;
  const std::int64_t groups = groups_of(shape, args.num_spans);
  DecodePlan plan;
  plan.group_tiles = (shape.num_heads / shape.num_kv_heads + kGroupRows - 1) / kGroupRows;
  plan.cluster_pages = kClusterPages;
  const std::int64_t most =
      std::min<std::int64_t>(kMaxSplits, (args.max_keys + kPageTokens - 1) / kPageTokens);
  const std::int64_t wanted =
      args.num_splits > 0 ? args.num_splits : (wanted_blocks() + groups - 1) / groups;
  const std::int64_t splits = std::clamp<std::int64_t>(wanted, 1, most);
  const int largest = max_cluster();
  plan.cluster = 1;
  while (plan.cluster < largest && plan.cluster < splits) plan.cluster *= 2;
  plan.num_splits = static_cast<int>((splits + plan.cluster - 1) / plan.cluster * plan.cluster);
  if (groups > kCounters) plan.num_splits = plan.cluster;
  // The counters' place and number are the same for all launches that share a workspace.
  plan.arrived = static_cast<unsigned*>(args.workspace);
  plan.partial = reinterpret_cast<float*>(plan.arrived + kCounters);
  const std::int64_t parts = groups * (plan.num_splits / plan.cluster);
  plan.scales = reinterpret_cast<float2*>(plan.partial +
                                          parts * kGroupRows * padded_head_dim(shape.head_dim));
  return plan;
}

}  // namespace

std::size_t decode_attention_workspace_bytes(const AttentionShape& shape, int num_spans,
                                             int num_splits) {
  // groups * splits is at most wanted + groups, and only groups fewer than wanted are split at all.
  const std::int64_t groups = groups_of(shape, num_spans);
  const std::int64_t wanted = wanted_blocks();
  const std::int64_t parts =
      num_splits > 0 ? groups * (num_splits + kMaxCluster) : wanted + 2 * std::min(groups, wanted);
  return kCounters * sizeof(unsigned) +
         parts * kGroupRows * (padded_head_dim(shape.head_dim) * sizeof(float) + sizeof(float2));
}

cudaError_t decode_attention(cudaStream_t stream, const DecodeArgs& args) {
  if (args.num_spans == 0 || args.max_keys == 0) return cudaSuccess;
  const DecodePlan plan = make_plan(args);
  const int head_dim = args.shape.head_dim;
  const bool wide =
      is_wide(args.kv.keys, head_dim, head_dim) && is_wide(args.kv.values, head_dim, head_dim);
  const dim3 grid(plan.num_splits, args.shape.num_kv_heads * plan.group_tiles, args.num_spans);
  return with_padded_head_dim(head_dim, [&](auto padded) {
    return launch(decode_kernel<padded.value>,
                  {grid, kThreads, DecodeTile<padded.value>::kSharedBytes, plan.cluster}, stream,
                  args.dependent_launch, args, plan, score_map(args.shape), wide);
  });
}

}  // namespace saccade::compute::cuda
