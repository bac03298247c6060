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
/// Fewer keys than this are not worth another block.
constexpr int kMinSplitKeys = 128;
constexpr int kMaxSplits = 128;

/// Launch dimensions and the caller's workspace: partial sums of splits, their maxima and sums, and
/// how many splits have arrived.
struct DecodePlan {
  int num_splits;
  int group_tiles;    ///< tiles of 16 query heads of a kv head
  float* partial;     ///< [num_spans, num_kv_heads, group_tiles, num_splits, 16, head_dim]
  float2* scales;     ///< [num_spans, num_kv_heads, group_tiles, num_splits, 16] maximum and sum
  unsigned* arrived;  ///< [num_spans, num_kv_heads, group_tiles], zero between launches
};

template <int kHeadDim>
struct DecodeTile {
  using Layout = RowTile<kHeadDim>;
  static constexpr int kStages = kHeadDim <= 128 ? 3 : 2;
  static constexpr int kChunkBytes = kChunkKeys * Layout::kStride * 2;
  static constexpr int kWarpBytes = kStages * 2 * kChunkBytes;
  static constexpr int kOutTiles = kHeadDim / 8;
  /// After the loop the same memory holds each warp's sums, then the weights of splits.
  static constexpr int kSumsBytes = kWarps * kGroupRows * (kHeadDim + 2) * 4;
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

/// The last block of a group adds up the splits' sums, always from the first split to the last.
template <int kHeadDim>
__device__ __forceinline__ void combine_splits(const float* partial, const float2* scales,
                                               int num_splits, int heads, int head_dim, Bf16* out,
                                               unsigned char* shared) {
  float* weights = reinterpret_cast<float*>(shared);  // [heads, num_splits], then 1 / sum [heads]
  float* inverses = weights + kGroupRows * kMaxSplits;
  const int lane = threadIdx.x % 32;
  for (int head = threadIdx.x / 32; head < heads; head += kWarps) {
    float highest = -INFINITY;
    for (int split = lane; split < num_splits; split += 32) {
      highest = fmaxf(highest, __ldcg(&scales[split * kGroupRows + head]).x);
    }
    for (int step = 16; step > 0; step /= 2) {
      highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, step));
    }
    float sum = 0.0f;
    for (int split = lane; split < num_splits; split += 32) {
      const float2 scale = __ldcg(&scales[split * kGroupRows + head]);
      const float weight = weight_of(scale.x, highest);
      weights[head * num_splits + split] = weight;
      sum += weight * scale.y;
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (lane == 0) inverses[head] = sum > 0.0f ? 1.0f / sum : 0.0f;
  }
  __syncthreads();
  for (int index = threadIdx.x; index < heads * (kHeadDim / 4); index += kThreads) {
    const int head = index / (kHeadDim / 4);
    const int column = index % (kHeadDim / 4) * 4;
    if (column >= head_dim) continue;
    const float* from = partial + head * kHeadDim + column;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 8
    for (int split = 0; split < num_splits; ++split) {
      const float4 part =
          __ldcg(reinterpret_cast<const float4*>(from + split * kGroupRows * kHeadDim));
      const float weight = weights[head * num_splits + split];
      sum.x += weight * part.x;
      sum.y += weight * part.y;
      sum.z += weight * part.z;
      sum.w += weight * part.w;
    }
    const float inverse = inverses[head];
    auto* to = reinterpret_cast<std::uint32_t*>(out + head * head_dim + column);
    to[0] = ptx::pack(sum.x * inverse, sum.y * inverse);
    if (column + 2 < head_dim) to[1] = ptx::pack(sum.z * inverse, sum.w * inverse);
  }
}

/// Grid: splits, kv heads times tiles of their query heads, spans.
template <int kHeadDim>
__global__ void __launch_bounds__(kThreads, 2)
    decode_kernel(const __grid_constant__ DecodeArgs args, DecodePlan plan, ScoreMap map,
                  bool wide) {
  using Tile = DecodeTile<kHeadDim>;
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ bool last;
  ptx::allow_next_kernel();
  ptx::wait_for_previous_kernels();
  const DeviceSpan span = args.spans[blockIdx.z];
  if (span.count != 1) return;
  const AttentionShape& shape = args.shape;
  const KeyRange all = {shape.window > 0 ? max(0, span.start + 1 - shape.window) : 0,
                        span.start + 1};
  // Whole pages for each split, as many splits as there are keys for.
  const int first_page = all.begin / kPageTokens;
  const int num_pages = (all.end + kPageTokens - 1) / kPageTokens - first_page;
  const int pages =
      max((num_pages + plan.num_splits - 1) / plan.num_splits, kMinSplitKeys / kPageTokens);
  const int num_splits = (num_pages + pages - 1) / pages;
  const int split = blockIdx.x;
  if (split >= num_splits) return;
  const KeyRange range = {max(all.begin, (first_page + split * pages) * kPageTokens),
                          min(all.end, (first_page + (split + 1) * pages) * kPageTokens)};
  const int kv_head = blockIdx.y / plan.group_tiles;
  const int group = shape.num_heads / shape.num_kv_heads;
  const int group_tile = blockIdx.y % plan.group_tiles;
  const int first_head = kv_head * group + group_tile * kGroupRows;
  const int heads = min(kGroupRows, group - group_tile * kGroupRows);

  float* sums = reinterpret_cast<float*>(shared);
  float2* scales = reinterpret_cast<float2*>(sums + kWarps * kGroupRows * kHeadDim);
  {
    Tile tile;
    tile.load_queries(static_cast<const Bf16*>(args.queries) + span.row * args.query_stride +
                          first_head * shape.head_dim,
                      heads, shape.head_dim);
    tile.run(args, span, kv_head, range, map, wide, ptx::shared_address(shared));
    __syncthreads();
    tile.share(sums, scales);
  }
  __syncthreads();

  const std::int64_t place = (static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y);
  const std::int64_t part = place * plan.num_splits + split;
  Bf16* out =
      static_cast<Bf16*>(args.out) + span.row * args.out_stride + first_head * shape.head_dim;
  for (int index = threadIdx.x; index < heads * (kHeadDim / 2); index += kThreads) {
    const int head = index / (kHeadDim / 2);
    const int column = index % (kHeadDim / 2) * 2;
    float highest = -INFINITY;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
      highest = fmaxf(highest, scales[warp * kGroupRows + head].x);
    }
    float sum = 0.0f;
    float2 total = make_float2(0.0f, 0.0f);
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
      const int row = warp * kGroupRows + head;
      const float weight = weight_of(scales[row].x, highest);
      const float2 value = *reinterpret_cast<const float2*>(sums + row * kHeadDim + column);
      sum += weight * scales[row].y;
      total.x += weight * value.x;
      total.y += weight * value.y;
    }
    if (num_splits > 1) {
      *reinterpret_cast<float2*>(plan.partial + (part * kGroupRows + head) * kHeadDim + column) =
          total;
      if (column == 0) plan.scales[part * kGroupRows + head] = make_float2(highest, sum);
    } else if (column < shape.head_dim) {
      const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
      *reinterpret_cast<std::uint32_t*>(out + head * shape.head_dim + column) =
          ptx::pack(total.x * inverse, total.y * inverse);
    }
  }
  if (num_splits == 1) return;
  __threadfence();
  __syncthreads();
  // The counter wraps to zero with the last arrival, ready for the next launch.
  if (threadIdx.x == 0) last = atomicInc(plan.arrived + place, num_splits - 1) == num_splits - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  combine_splits<kHeadDim>(plan.partial + place * plan.num_splits * kGroupRows * kHeadDim,
                           plan.scales + place * plan.num_splits * kGroupRows, num_splits, heads,
                           shape.head_dim, out, shared);
}

int padded_head_dim(int head_dim) {
  int padded = 0;
  with_padded_head_dim(head_dim, [&](auto size) {
    padded = size.value;
    return cudaSuccess;
  });
  return padded;
}

/// About four rounds of two blocks a multiprocessor, so that spans of different lengths level out.
int choose_splits(std::int64_t groups, std::int64_t max_keys, int requested) {
  int device = 0;
  int multiprocessors = 1;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  std::int64_t splits = requested;
  if (splits <= 0) {
    splits = (2 * multiprocessors + groups - 1) / groups;
  }
  splits = std::min(splits, (max_keys + kMinSplitKeys - 1) / kMinSplitKeys);
  return static_cast<int>(std::clamp<std::int64_t>(splits, 1, kMaxSplits));
}

/// Fills a plan whose arrays begin at `workspace`; returns the bytes they take.
std::size_t make_plan(const AttentionShape& shape, int num_spans, std::int64_t max_keys,
                      int requested, void* workspace, DecodePlan& plan) {
  const int group = shape.num_heads / shape.num_kv_heads;
  plan.group_tiles = (group + kGroupRows - 1) / kGroupRows;
  const std::int64_t groups =
      static_cast<std::int64_t>(num_spans) * shape.num_kv_heads * plan.group_tiles;
  plan.num_splits = choose_splits(groups, max_keys, requested);
  const std::size_t counters_bytes = (groups * sizeof(unsigned) + 255) / 256 * 256;
  const std::size_t parts = groups * plan.num_splits * kGroupRows;
  const std::size_t scales_bytes = parts * sizeof(float2);
  auto* bytes = static_cast<unsigned char*>(workspace);
  plan.arrived = reinterpret_cast<unsigned*>(bytes);
  plan.scales = reinterpret_cast<float2*>(bytes + counters_bytes);
  plan.partial = reinterpret_cast<float*>(bytes + counters_bytes + scales_bytes);
  return counters_bytes + scales_bytes + parts * padded_head_dim(shape.head_dim) * sizeof(float);
}

}  // namespace

std::size_t decode_attention_workspace_bytes(const AttentionShape& shape, int num_spans,
                                             std::int64_t max_keys, int num_splits) {
  DecodePlan plan;
  return make_plan(shape, num_spans, max_keys, num_splits, nullptr, plan);
}

cudaError_t decode_attention(cudaStream_t stream, const DecodeArgs& args) {
  if (args.num_spans == 0 || args.max_keys == 0) return cudaSuccess;
  DecodePlan plan;
  make_plan(args.shape, args.num_spans, args.max_keys, args.num_splits, args.workspace, plan);
  const int head_dim = args.shape.head_dim;
  const bool wide =
      is_wide(args.kv.keys, head_dim, head_dim) && is_wide(args.kv.values, head_dim, head_dim);
  const dim3 grid(plan.num_splits, args.shape.num_kv_heads * plan.group_tiles, args.num_spans);
  return with_padded_head_dim(head_dim, [&](auto padded) {
    return launch(decode_kernel<padded.value>, grid, kThreads,
                  DecodeTile<padded.value>::kSharedBytes, stream, args.dependent_launch, args, plan,
                  score_map(args.shape), wide);
  });
}

}  // namespace saccade::compute::cuda
