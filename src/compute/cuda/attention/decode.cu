// Attention of single tokens, after Flash-Decoding (Dao et al., 2023): keys are split over blocks.
// The blocks of a cluster add their sums up through shared memory; where more are needed, the last
// block to arrive adds up the clusters' sums.
#include <algorithm>

#include "compute/cuda/attention/decode_tile.cuh"
#include "compute/cuda/attention/launch.cuh"

namespace saccade::compute::cuda {
namespace {

/// Found on an H200 with 4 kv heads of 128 and 512 to 18,180 keys.
constexpr int kClusterPages = 4;
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

__device__ __forceinline__ void store_normalized(Bf16* row, int column, int head_dim,
                                                 const float4& value, float sum) {
  const float inverse = sum > 0.0f ? __fdividef(1.0f, sum) : 0.0f;
  auto* to = reinterpret_cast<std::uint32_t*>(row + column);
  if (column < head_dim) to[0] = ptx::pack(value.x * inverse, value.y * inverse);
  if (column + 2 < head_dim) to[1] = ptx::pack(value.z * inverse, value.w * inverse);
}

/// The last block of a group adds up the clusters' sums, always from the first to the last.
template <int kHeadDim>
__device__ __forceinline__ void combine_parts(const float* values, const float2* scales,
                                              int num_parts, int heads, int head_dim, Bf16* out,
                                              unsigned char* shared) {
  float* weights = reinterpret_cast<float*>(shared);  // [heads, num_parts]
  float* sums = weights + kGroupRows * kMaxSplits;    // [heads]
  const int lane = threadIdx.x % 32;
  for (int head = threadIdx.x / 32; head < heads; head += kDecodeWarps) {
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
  for (int index = threadIdx.x; index < heads * (kHeadDim / 4); index += kDecodeThreads) {
    const int head = index / (kHeadDim / 4);
    const int column = index % (kHeadDim / 4) * 4;
    const float* from = values + head * kHeadDim + column;
    float4 total = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 4
    for (int part = 0; part < num_parts; ++part) {
      add_scaled(total, weights[head * num_parts + part],
                 __ldcg(reinterpret_cast<const float4*>(from + part * kGroupRows * kHeadDim)));
    }
    store_normalized(out + head * head_dim, column, head_dim, total, sums[head]);
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

/// Every block of a cluster owns a share of the columns: each sends its sums to their owners, which
/// add them up in the order of blocks and pass them to emit(head, column, part).
template <int kHeadDim, class Emit>
__device__ __forceinline__ void merge_cluster(const DecodeMemory<kHeadDim>& memory,
                                              const Split& split, int quads, const Emit& emit) {
  const int share = (quads + split.members - 1) / split.members;
  ptx::cluster_wait();
  for (int index = threadIdx.x; index < quads; index += kDecodeThreads) {
    const int head = index / (kHeadDim / 4);
    const int column = index % (kHeadDim / 4) * 4;
    const Part part = DecodeTile<kHeadDim>::merge_warps(memory, head, column);
    const int owner = index / share;
    ptx::store_to_cluster(memory.received_values() + split.rank * share + index % share, owner,
                          part.value);
    if (column != 0) continue;
    for (int member = 0; member < split.members; ++member) {
      ptx::store_to_cluster(memory.received_scales() + split.rank * kGroupRows + head, member,
                            part.scale);
    }
  }
  ptx::cluster_arrive();
  ptx::cluster_wait();
  const int end = min(share, quads - split.rank * share);
  for (int slot = threadIdx.x; slot < end; slot += kDecodeThreads) {
    const int index = split.rank * share + slot;
    const int head = index / (kHeadDim / 4);
    Part parts[kMaxCluster];
#pragma unroll
    for (int member = 0; member < kMaxCluster; ++member) {
      parts[member] = {make_float2(-INFINITY, 0.0f), make_float4(0.0f, 0.0f, 0.0f, 0.0f)};
      if (member >= split.members) continue;
      parts[member] = {memory.received_scales()[member * kGroupRows + head],
                       memory.received_values()[member * share + slot]};
    }
    emit(head, index % (kHeadDim / 4) * 4, merge(parts));
  }
}

/// Grid: splits (in clusters of plan.cluster), kv heads times tiles of their query heads, spans.
template <int kHeadDim>
__global__ void __launch_bounds__(kDecodeThreads, 2)
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
  // The others may be sent to once they have arrived here, which is long ago when it matters.
  if (split.members > 1) ptx::cluster_arrive();
  const int kv_head = blockIdx.y / plan.group_tiles;
  const int group = shape.num_heads / shape.num_kv_heads;
  const int group_tile = blockIdx.y % plan.group_tiles;
  const int first_head = kv_head * group + group_tile * kGroupRows;
  const int heads = min(kGroupRows, group - group_tile * kGroupRows);

  const DecodeMemory<kHeadDim> memory = {shared};
  {
    Tile tile;
    tile.load_queries(static_cast<const Bf16*>(args.queries) + span.row * args.query_stride +
                          first_head * shape.head_dim,
                      heads, shape.head_dim);
    tile.run(args, span, kv_head, split.range, map, wide, ptx::shared_address(shared));
    __syncthreads();
    tile.share(memory);
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
      store_normalized(out + head * shape.head_dim, column, shape.head_dim, part.value,
                       part.scale.y);
      return;
    }
    const int row = split.cluster * kGroupRows + head;
    *reinterpret_cast<float4*>(part_values + row * kHeadDim + column) = part.value;
    if (column == 0) part_scales[row] = part.scale;
  };
  const int quads = heads * (kHeadDim / 4);
  if (split.members == 1) {
    for (int index = threadIdx.x; index < quads; index += kDecodeThreads) {
      const int head = index / (kHeadDim / 4);
      const int column = index % (kHeadDim / 4) * 4;
      emit(head, column, Tile::merge_warps(memory, head, column));
    }
  } else {
    merge_cluster<kHeadDim>(memory, split, quads, emit);
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
                  {grid, kDecodeThreads, DecodeMemory<padded.value>::kBytes, plan.cluster}, stream,
                  args.dependent_launch, args, plan, score_map(args.shape), wide);
  });
}

}  // namespace saccade::compute::cuda
