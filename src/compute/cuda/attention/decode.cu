// Attention of single tokens, after Flash-Decoding (Dao et al., 2023): keys are split over blocks.
// The blocks of a cluster add their sums up through shared memory; where more are needed, the last
// block to arrive adds up the clusters' sums.
#include <algorithm>

#include "compute/cuda/attention/decode_fresh.cuh"
#include "compute/cuda/attention/decode_output.cuh"
#include "compute/cuda/attention/decode_split.cuh"
#include "compute/cuda/attention/launch.cuh"

namespace saccade::compute::cuda {
namespace {

/// More spans times kv heads than this are never split.
constexpr int kCounters = 16384;

/// The last block to arrive adds up all parts, always from the first to the last.
template <int kHeadDim>
__device__ __forceinline__ void combine_parts(const float* values, const float2* scales,
                                              int num_parts, int part_rows, int heads,
                                              const DecodeOutput& output, unsigned char* shared) {
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
    output(head, column, total, sums[head]);
  }
}

/// Every block of a cluster owns a share of the columns: each sends its sums to their owners, which
/// add them up in the order of blocks and pass them to finish(head, column, part).
template <int kHeadDim, int kStages, class Finish>
__device__ __forceinline__ void merge_cluster(const DecodeMemory<kHeadDim, kStages>& memory,
                                              const Split& split, int quads, const Finish& finish) {
  // Whole chunks of coded outputs.
  const int share = (quads + 8 * split.count - 1) / (8 * split.count) * 8;
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

/// Grid: splits, kv heads times tiles of their query heads, spans; or shares.
template <int kHeadDim, int kStages>
__global__ void __launch_bounds__(kDecodeThreads, 2)
    decode_kernel(const __grid_constant__ DecodeArgs args, const __grid_constant__ DecodePlan plan,
                  ScoreMap map, bool wide) {
  using Tile = DecodeTile<kHeadDim, kStages>;
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ bool last;
  ptx::allow_next_kernel();
  if (!args.pages_ready) ptx::wait_for_previous_kernels();
  const Split split = plan.shares > 0 ? share_split(args, plan) : grid_split(args, plan);
  if (split.place < 0) {
    ptx::wait_for_previous_kernels();
    return;
  }
  const AttentionShape& shape = args.shape;
  const DeviceSpan& span = split.span;
  // The others may be sent to once they have arrived here, which is long ago when it matters.
  if (split.clustered(plan)) ptx::cluster_arrive_relaxed();
  const int kv_head = split.group / plan.group_tiles;
  const int group_tile = split.group - kv_head * plan.group_tiles;
  const int first_head = kv_head * plan.group + group_tile * kGroupRows;
  const int heads = min(kGroupRows, plan.group - group_tile * kGroupRows);
  const bool fresh = kTakesFresh<kHeadDim> && args.fresh.keys != nullptr;
  const int stored_end = fresh ? min(split.keys.end, span.start) : split.keys.end;

  const DecodeMemory<kHeadDim, kStages> memory = {shared};
  {
    Tile tile;
    tile.run(args, span, kv_head, split.keys, stored_end, map, wide, memory, args.pages_ready, [&] {
      ptx::wait_for_previous_kernels();
      tile.load_queries(static_cast<const F16*>(args.queries) + span.row * args.query_stride +
                            first_head * shape.head_dim,
                        heads, shape.head_dim);
      if constexpr (kTakesFresh<kHeadDim>) {
        if (!fresh) return;
        const std::int64_t angles = span.row * args.fresh.table_stride;
        turn_queries<kHeadDim>(tile.queries, args.fresh.cosines + angles,
                               args.fresh.sines + angles);
        if (stored_end < split.keys.end && Tile::takes(split.keys, stored_end)) {
          store_fresh<kHeadDim>(args, span, kv_head, group_tile == 0, memory.fresh());
        }
      }
    });
    __syncthreads();
    tile.share(memory, heads);
  }
  __syncthreads();

  const DecodeOutput output = {args, span.row, first_head};
  const int quads = heads * (kHeadDim / 4);
  const auto finish = [&](int head, int column, const Part& part) {
    output(head, column, part.value, part.scale.y);
  };
  if (split.count == 1) {
    Tile::merge_warps(memory, quads, finish);
    return;
  }
  if (split.clustered(plan)) {
    merge_cluster(memory, split, quads, finish);
    return;
  }
  const std::int64_t first_row = static_cast<std::int64_t>(split.first_part) * plan.part_rows;
  float* parts = plan.parts + first_row * kHeadDim;
  float2* scales = plan.scales + first_row;
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
    const int place = split.place * shape.num_kv_heads * plan.group_tiles + split.group;
    last = atomicInc(plan.arrived + place, others) == others;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  combine_parts<kHeadDim>(parts, scales, split.count, plan.part_rows, heads, output, shared);
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
  if (groups > multiprocessors / 4) return {8, 8};
  return {static_cast<int>(std::min<std::int64_t>(multiprocessors / groups, kMaxSplits)), 1};
}

/// Blocks that share the work evenly, one on every multiprocessor: for a few sequences whose groups
/// are too many for clusters. 0 where there are more groups than that.
int shares_of(const DecodeArgs& args) {
  const int multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount);
  const int blocks = std::min(multiprocessors, kMaxSplits) / 2 * 2;
  const auto groups = static_cast<int>(groups_of(args.shape, 1));
  const std::int64_t least = std::int64_t{args.num_spans} * share_blocks(groups, 1);
  return groups_of(args.shape, args.num_spans) > multiprocessors / 4 && least <= blocks ? blocks
                                                                                        : 0;
}

/// What keeps a second block away from a multiprocessor.
int spread_bytes(int shared_bytes) {
  return std::max(shared_bytes, device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) / 2);
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
  const int spread = spread_bytes(shared_bytes);
  for (int size = kMaxCluster; size >= 1; size /= 2) {
    if (size > 1 && size * kPageTokens >= 2 * max_keys) continue;
    if (groups * size > multiprocessors) continue;
    if (clusters_at_once(kernel, size, spread) >= groups) {
      shared_bytes = spread;
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
  plan.cluster = std::max(1, plan.num_splits);
  plan.shares = plan.num_splits > 0 ? 0 : shares_of(args);
  if (plan.shares > 0) {
    const int spread = spread_bytes(shared_bytes);
    if (spread <= device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)) shared_bytes = spread;
    const bool pairs = clusters && clusters_at_once(kernel, 2, shared_bytes) >= plan.shares / 2;
    plan.cluster = pairs ? 2 : 1;
  } else if (plan.num_splits == 0) {
    const SplitRule rule = plain_rule(groups);
    const std::int64_t pages = (args.max_keys + kPageTokens - 1) / kPageTokens;
    const std::int64_t most = (pages + rule.min_pages - 1) / rule.min_pages;
    plan.num_splits = static_cast<int>(std::min<std::int64_t>(rule.splits, most));
    plan.min_pages = rule.min_pages;
  }
  // The counters' place and number are the same for all launches that share a workspace.
  plan.arrived = static_cast<unsigned*>(args.workspace);
  plan.parts = reinterpret_cast<float*>(plan.arrived + kCounters);
  const std::int64_t parts = plan.shares > 0 ? plan.shares : groups * plan.num_splits;
  plan.scales = reinterpret_cast<float2*>(plan.parts +
                                          parts * plan.part_rows * padded_head_dim(shape.head_dim));
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
  const dim3 grid =
      plan.shares > 0
          ? dim3(plan.shares)
          : dim3(plan.num_splits, args.shape.num_kv_heads * plan.group_tiles, args.num_spans);
  return launch(kernel, {grid, kDecodeThreads, shared_bytes, plan.cluster}, stream,
                args.dependent_launch, args, plan, score_map(args.shape), wide);
}

}  // namespace

bool decode_takes_fresh(const AttentionShape& shape) {
  return shape.head_dim % 32 == 0 && padded_head_dim(shape.head_dim) == shape.head_dim;
}

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
  if (args.fresh.keys != nullptr && !decode_takes_fresh(args.shape)) return cudaErrorInvalidValue;
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
