// Attention of single tokens, after Flash-Decoding (Dao et al., 2023): keys are split over blocks.
// The blocks of a cluster add their sums up through shared memory; where more are needed, the last
// block to arrive adds up the clusters' sums.
#include <algorithm>

#include "compute/cuda/attention/decode_tile.cuh"
#include "compute/cuda/attention/launch.cuh"

namespace saccade::compute::cuda {
namespace {

/// More spans times kv heads than this are never split.
constexpr int kCounters = 16384;

/// Launch dimensions and the caller's workspace. Splits either are one cluster, which sums through
/// shared memory, or blocks on their own, which leave parts in the workspace.
struct DecodePlan {
  int num_splits;     ///< blocks for a span and tile of heads
  bool clustered;     ///< they are one cluster
  int min_pages;      ///< no block takes fewer pages, except the last
  int group;          ///< query heads of a kv head
  int group_tiles;    ///< tiles of 16 of them
  int part_rows;      ///< heads of a tile at most
  float* parts;       ///< [num_spans, num_kv_heads, group_tiles, num_splits, part_rows, kHeadDim]
  float2* scales;     ///< [num_spans, num_kv_heads, group_tiles, num_splits, part_rows]
  unsigned* arrived;  ///< [kCounters], zero between launches
};

__device__ __forceinline__ void store_normalized(F16* row, int column, int head_dim,
                                                 const float4& value, float sum) {
  const float inverse = sum > 0.0f ? __fdividef(1.0f, sum) : 0.0f;
  auto* to = reinterpret_cast<std::uint32_t*>(row + column);
  if (column < head_dim) to[0] = ptx::pack(value.x * inverse, value.y * inverse);
  if (column + 2 < head_dim) to[1] = ptx::pack(value.z * inverse, value.w * inverse);
}

/// The last block to arrive adds up all parts, always from the first to the last.
template <int kHeadDim>
__device__ __forceinline__ void combine_parts(const float* values, const float2* scales,
                                              int num_parts, int part_rows, int heads, int head_dim,
                                              F16* out, unsigned char* shared) {
  float* weights = reinterpret_cast<float*>(shared);  // [heads, num_parts]
  float* sums = weights + kGroupRows * kMaxSplits;    // [heads]
  const int lane = threadIdx.x % 32;
  for (int head = threadIdx.x / 32; head < heads; head += kDecodeWarps) {
    float highest = -INFINITY;
    for (int part = lane; part < num_parts; part += 32) {
      highest = fmaxf(highest, __ldcg(&scales[part * part_rows + head]).x);
    }
    for (int step = 16; step > 0; step /= 2) {
      highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, step));
    }
    float sum = 0.0f;
    for (int part = lane; part < num_parts; part += 32) {
      const float2 scale = __ldcg(&scales[part * part_rows + head]);
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
                 __ldcg(reinterpret_cast<const float4*>(from + part * part_rows * kHeadDim)));
    }
    store_normalized(out + head * head_dim, column, head_dim, total, sums[head]);
  }
}

/// Which keys of a span a block works on.
struct Split {
  KeyRange range;
  int index;
  int count;  ///< of splits with keys
};

/// Whole pages for each split.
__device__ __forceinline__ Split split_keys(const DecodeArgs& args, const DeviceSpan& span,
                                            const DecodePlan& plan) {
  const int begin = first_key_of(args.first_keys, span, 0, args.shape.window);
  const int end = end_key_of(args.end_keys, span, 0);
  const int first_page = begin / kPageTokens;
  const int num_pages = (end + kPageTokens - 1) / kPageTokens - first_page;
  const int pages = max((num_pages + plan.num_splits - 1) / plan.num_splits, plan.min_pages);
  const int index = static_cast<int>(blockIdx.x);
  return {{max(begin, (first_page + index * pages) * kPageTokens),
           min(end, (first_page + (index + 1) * pages) * kPageTokens)},
          index,
          (num_pages + pages - 1) / pages};
}

/// Every block of a cluster owns a share of the columns: each sends its sums to their owners, which
/// add them up in the order of blocks and pass them to finish(head, column, part).
template <int kHeadDim, int kStages, class Finish>
__device__ __forceinline__ void merge_cluster(const DecodeMemory<kHeadDim, kStages>& memory,
                                              const Split& split, int quads, const Finish& finish) {
  const int share = (quads + split.count - 1) / split.count;
  ptx::cluster_wait();
  DecodeTile<kHeadDim, kStages>::merge_warps(
      memory, quads, [&](int head, int column, const Part& part) {
        const int index = head * (kHeadDim / 4) + column / 4;
        const int owner = index / share;
        ptx::store_to_cluster(
            memory.received_values() + split.index * share + index - owner * share, owner,
            part.value);
        if (column != 0) return;
        for (int member = 0; member < split.count; ++member) {
          ptx::store_to_cluster(memory.received_scales() + split.index * kGroupRows + head, member,
                                part.scale);
        }
      });
  ptx::cluster_arrive();
  ptx::cluster_wait();
  const int end = min(share, quads - split.index * share);
  for (int slot = threadIdx.x; slot < end; slot += kDecodeThreads) {
    const int index = split.index * share + slot;
    const int head = index / (kHeadDim / 4);
    Part parts[kMaxCluster];
#pragma unroll
    for (int member = 0; member < kMaxCluster; ++member) {
      parts[member] = {make_float2(-INFINITY, 0.0f), make_float4(0.0f, 0.0f, 0.0f, 0.0f)};
      if (member >= split.count) continue;
      parts[member] = {memory.received_scales()[member * kGroupRows + head],
                       memory.received_values()[member * share + slot]};
    }
    finish(head, index % (kHeadDim / 4) * 4, merge(parts));
  }
}

/// Grid: splits, kv heads times tiles of their query heads, spans.
template <int kHeadDim, int kStages>
__global__ void __launch_bounds__(kDecodeThreads, 2)
    decode_kernel(const __grid_constant__ DecodeArgs args, const __grid_constant__ DecodePlan plan,
                  ScoreMap map, bool wide) {
  using Tile = DecodeTile<kHeadDim, kStages>;
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ bool last;
  ptx::allow_next_kernel();
  ptx::wait_for_previous_kernels();
  const DeviceSpan span = args.spans[blockIdx.z];
  if (span.count != 1) return;
  const AttentionShape& shape = args.shape;
  const Split split = split_keys(args, span, plan);
  if (split.index >= split.count) return;
  // The others may be sent to once they have arrived here, which is long ago when it matters.
  if (plan.clustered && split.count > 1) ptx::cluster_arrive_relaxed();
  const int kv_head = blockIdx.y / plan.group_tiles;
  const int group_tile = blockIdx.y - kv_head * plan.group_tiles;
  const int first_head = kv_head * plan.group + group_tile * kGroupRows;
  const int heads = min(kGroupRows, plan.group - group_tile * kGroupRows);

  const DecodeMemory<kHeadDim, kStages> memory = {shared};
  {
    Tile tile;
    tile.load_queries(static_cast<const F16*>(args.queries) + span.row * args.query_stride +
                          first_head * shape.head_dim,
                      heads, shape.head_dim);
    tile.run(args, span, kv_head, split.range, map, wide, ptx::shared_address(shared));
    __syncthreads();
    tile.share(memory, heads);
  }
  __syncthreads();

  F16* out = static_cast<F16*>(args.out) + span.row * args.out_stride + first_head * shape.head_dim;
  const int quads = heads * (kHeadDim / 4);
  const auto finish = [&](int head, int column, const Part& part) {
    store_normalized(out + head * shape.head_dim, column, shape.head_dim, part.value, part.scale.y);
  };
  if (split.count == 1) {
    Tile::merge_warps(memory, quads, finish);
    return;
  }
  if (plan.clustered) {
    merge_cluster(memory, split, quads, finish);
    return;
  }
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
  const std::int64_t first_part = place * plan.num_splits * plan.part_rows;
  float* parts = plan.parts + first_part * kHeadDim;
  float2* scales = plan.scales + first_part;
  Tile::merge_warps(memory, quads, [&](int head, int column, const Part& part) {
    const int row = split.index * plan.part_rows + head;
    *reinterpret_cast<float4*>(parts + row * kHeadDim + column) = part.value;
    if (column == 0) scales[row] = part.scale;
  });
  __threadfence();
  __syncthreads();
  // The counter wraps to zero with the last arrival, ready for the next launch.
  if (threadIdx.x == 0) {
    const unsigned others = split.count - 1;
    last = atomicInc(plan.arrived + place, others) == others;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  combine_parts<kHeadDim>(parts, scales, split.count, plan.part_rows, heads, shape.head_dim, out,
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

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0;
  int value = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&value, attribute, device);
  return value;
}

std::int64_t groups_of(const AttentionShape& shape, int num_spans) {
  const int group = shape.num_heads / shape.num_kv_heads;
  const int tiles = (group + kGroupRows - 1) / kGroupRows;
  return static_cast<std::int64_t>(num_spans) * shape.num_kv_heads * tiles;
}

struct SplitRule {
  int splits;     ///< at most
  int min_pages;  ///< fewer are not split off
};

/// Splits that are blocks on their own. Lengths in a batch differ, and the longest sequence should
/// not keep everybody waiting: 32 sequences of 250 to 8200 keys, most of them short (4 kv heads, an
/// H200), take 38 us with up to 8 splits of 512 keys or more, and 95 us without. Where there are
/// enough blocks without splits, only long sequences are worth the sums.
SplitRule plain_rule(std::int64_t groups) {
  const int multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount);
  if (groups > kCounters) return {1, 1};
  if (groups > multiprocessors * 3 / 2) return {4, 32};
  // 16 sequences of 550 keys leave half of the multiprocessors idle where one takes 512 of them: a
  // step of Qwen2.5-VL-7B takes 2.75 ms with 320 keys or more, and 2.82 ms with 512.
  if (groups > multiprocessors / 4) return {8, groups <= multiprocessors / 2 ? 5 : 8};
  return {static_cast<int>(std::min<std::int64_t>(multiprocessors / groups, kMaxSplits)), 1};
}

/// Clusters of `size` blocks that the device runs at the same time.
int clusters_at_once(const void* kernel, int size, int shared_bytes) {
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = size;
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(size);
  config.blockDim = dim3(kDecodeThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.attrs = &attribute;
  config.numAttrs = 1;
  int clusters = 0;
  if (cudaOccupancyMaxActiveClusters(&clusters, kernel, &config) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return clusters;
}

/// Chooses clusters for few groups, so that one block runs on every multiprocessor. `shared_bytes`
/// comes with what a block needs; it leaves with more where that keeps a second block away from a
/// multiprocessor, which evens out their load: as large clusters as fit that way, or twice as large
/// ones packed as they come (one H200, 1 to 32 sequences of 4 kv heads: within a tenth of the
/// best). Returns blocks of a cluster, 0 for too many groups.
int choose_cluster(const void* kernel, std::int64_t groups, std::int64_t max_keys,
                   int& shared_bytes) {
  const int multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount);
  if (groups > multiprocessors / 4) return 0;
  const int half = device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) / 2;
  const int spread_bytes = std::max(shared_bytes, half);
  for (int size = kMaxCluster; size >= 1; size /= 2) {
    if (size > 1 && size * kPageTokens >= 2 * max_keys) continue;
    if (groups * size > multiprocessors) continue;
    if (clusters_at_once(kernel, size, spread_bytes) >= groups) {
      shared_bytes = spread_bytes;
      return size;
    }
    if (size <= 8 && clusters_at_once(kernel, size, shared_bytes) >= groups) return size;
  }
  return 1;
}

DecodePlan make_plan(const DecodeArgs& args, const void* kernel, int& shared_bytes) {
  const AttentionShape& shape = args.shape;
  const std::int64_t groups = groups_of(shape, args.num_spans);
  DecodePlan plan;
  plan.group = shape.num_heads / shape.num_kv_heads;
  plan.group_tiles = (plan.group + kGroupRows - 1) / kGroupRows;
  plan.part_rows = std::min(plan.group, kGroupRows);
  plan.min_pages = 1;
  const bool clusters = !args.portable && device_attribute(cudaDevAttrComputeCapabilityMajor) >= 9;
  plan.num_splits = clusters ? choose_cluster(kernel, groups, args.max_keys, shared_bytes) : 0;
  plan.clustered = plan.num_splits > 0;
  if (!plan.clustered) {
    const SplitRule rule = plain_rule(groups);
    const std::int64_t pages = (args.max_keys + kPageTokens - 1) / kPageTokens;
    const std::int64_t most = (pages + rule.min_pages - 1) / rule.min_pages;
    plan.num_splits = static_cast<int>(std::min<std::int64_t>(rule.splits, most));
    plan.min_pages = rule.min_pages;
  }
  // The counters' place and number are the same for all launches that share a workspace.
  plan.arrived = static_cast<unsigned*>(args.workspace);
  plan.parts = reinterpret_cast<float*>(plan.arrived + kCounters);
  plan.scales = reinterpret_cast<float2*>(plan.parts + groups * plan.num_splits * plan.part_rows *
                                                           padded_head_dim(shape.head_dim));
  return plan;
}

template <int kHeadDim, int kStages>
cudaError_t launch_decode(cudaStream_t stream, const DecodeArgs& args) {
  const int head_dim = args.shape.head_dim;
  const bool wide =
      is_wide(args.kv.keys, head_dim, head_dim) && is_wide(args.kv.values, head_dim, head_dim);
  const auto kernel = decode_kernel<kHeadDim, kStages>;
  int shared_bytes = DecodeMemory<kHeadDim, kStages>::kBytes;
  const DecodePlan plan = make_plan(args, reinterpret_cast<const void*>(kernel), shared_bytes);
  const dim3 grid(plan.num_splits, args.shape.num_kv_heads * plan.group_tiles, args.num_spans);
  return launch(kernel, {grid, kDecodeThreads, shared_bytes, plan.clustered ? plan.num_splits : 1},
                stream, args.dependent_launch, args, plan, score_map(args.shape), wide);
}

}  // namespace

std::size_t decode_attention_workspace_bytes(const AttentionShape& shape, int num_spans) {
  const std::int64_t groups = groups_of(shape, num_spans);
  const std::int64_t rows = std::min(shape.num_heads / shape.num_kv_heads, kGroupRows);
  // Launches of fewer spans may have more splits: see plain_rule.
  const std::int64_t multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount);
  const std::int64_t parts =
      std::max(groups * 4, std::min(groups, multiprocessors * 3 / 2) * 8) + multiprocessors;
  return kCounters * sizeof(unsigned) +
         parts * rows * (padded_head_dim(shape.head_dim) * sizeof(float) + sizeof(float2));
}

cudaError_t decode_attention(cudaStream_t stream, const DecodeArgs& args) {
  if (args.num_spans == 0 || args.max_keys == 0) return cudaSuccess;
  return with_padded_head_dim(args.shape.head_dim, [&](auto padded) {
    constexpr int kStages = padded.value <= 128 ? 3 : 2;
    // Devices with less shared memory (8.6, 8.9, 12.0: 99 KiB for a block) keep fewer copies going.
    const bool roomy = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) >=
                       DecodeMemory<padded.value, kStages>::kBytes;
    return roomy && !args.portable ? launch_decode<padded.value, kStages>(stream, args)
                                   : launch_decode<padded.value, kStages - 1>(stream, args);
  });
}

}  // namespace saccade::compute::cuda
