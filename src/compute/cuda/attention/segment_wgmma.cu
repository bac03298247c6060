// Attention inside long segments on 9.0 devices.
#include <algorithm>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/tensor_map.cuh"
#include "compute/cuda/attention/wgmma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

template <int kHeadDim>
__global__ void __launch_bounds__(WgmmaTile<kHeadDim, false>::kThreads, 1)
    segment_wgmma_kernel(const __grid_constant__ SegmentArgs args,
                         const __grid_constant__ CUtensorMap keys,
                         const __grid_constant__ CUtensorMap values, ScoreMap map, int min_rows,
                         int max_rows, int max_tiles) {
#ifdef SACCADE_SM90A
  using Tile = WgmmaTile<kHeadDim, false>;
  extern __shared__ unsigned char shared[];
  const Tile tile(shared);
  ptx::wait_for_previous_kernels();
  const int heads = args.shape.num_heads;
  const int head_dim = args.shape.head_dim;
  const int index = blockIdx.x / max_tiles;
  const SegmentWork work(args, Tile::kRows, blockIdx.x % max_tiles, index / heads, index % heads,
                         min_rows, max_rows);
  if (work.empty()) return;
  const bool alone = !work.has_row(64);
  tile.init_barriers(alone ? 1 : Tile::kConsumers);
  if (threadIdx.x / 128 == 0) {
    hopper::give_registers<24>();
    if (threadIdx.x != 0) return;
    // Columns behind the head's own are the next head's: zeros of the queries keep them out of
    // scores, and nobody stores their outputs.
    const auto load = [&](const CUtensorMap* matrix, int key_tile, std::uint32_t to,
                          std::uint32_t barrier) {
      hopper::barrier_arrive_expecting(barrier, Tile::Keys::kBytes);
      const int row = work.segment_row + key_tile * Tile::kKeys;
#pragma unroll
      for (int first = 0; first < Tile::kKeys; first += 64) {
        Tile::Keys::copy_64_rows(to, first, matrix, work.head * head_dim, row + first, barrier);
      }
    };
    tile.produce(
        Tile::tiles_of(work),
        [&](int key_tile, int stage) {
          load(&keys, key_tile, tile.keys(stage), tile.keys_full(stage));
        },
        [&](int key_tile, int stage) {
          load(&values, key_tile, tile.values(stage), tile.values_full(stage));
        });
  } else if (threadIdx.x < 256 || !alone) {
    hopper::take_registers<240>();
    tile.consume(work, map, head_dim, threadIdx.x / 128 - 1, alone);
  }
#endif
}

template <int kHeadDim>
cudaError_t launch_segments(cudaStream_t stream, const SegmentArgs& args, int min_rows,
                            int max_rows) {
  using Tile = WgmmaTile<kHeadDim, false>;
  const std::int64_t columns =
      static_cast<std::int64_t>(args.shape.num_heads) * args.shape.head_dim;
  CUtensorMap keys;
  CUtensorMap values;
  cudaError_t error = make_map(args.keys, args.num_rows, columns, args.stride, keys);
  if (error == cudaSuccess) {
    error = make_map(args.values, args.num_rows, columns, args.stride, values);
  }
  if (error != cudaSuccess) return error;
  const std::int64_t rows = std::min<std::int64_t>(args.max_segment_rows, max_rows);
  const std::int64_t tiles = (rows + Tile::kRows - 1) / Tile::kRows;
  const std::int64_t blocks = tiles * args.num_segments * args.shape.num_heads;
  return launch(segment_wgmma_kernel<kHeadDim>,
                {dim3(static_cast<unsigned>(blocks)), Tile::kThreads, Tile::kSharedBytes}, stream,
                args.dependent_launch, args, keys, values, score_map(args.shape), min_rows,
                max_rows, static_cast<int>(tiles));
}

}  // namespace

bool segment_wgmma_fits(const SegmentArgs& args) {
  const int head_dim = args.shape.head_dim;
  return head_dim > 32 && head_dim <= 128 && args.shape.softcap == 0.0f &&
         is_wide(args.queries, args.stride, head_dim) &&
         is_wide(args.keys, args.stride, head_dim) && is_wide(args.values, args.stride, head_dim) &&
         runs_wgmma(reinterpret_cast<const void*>(segment_wgmma_kernel<80>));
}

cudaError_t segment_wgmma(cudaStream_t stream, const SegmentArgs& args, int min_rows,
                          int max_rows) {
  const int head_dim = args.shape.head_dim;
  if (head_dim <= 64) return launch_segments<64>(stream, args, min_rows, max_rows);
  if (head_dim <= 80) return launch_segments<80>(stream, args, min_rows, max_rows);
  if (head_dim <= 96) return launch_segments<96>(stream, args, min_rows, max_rows);
  return launch_segments<128>(stream, args, min_rows, max_rows);
}

}  // namespace saccade::compute::cuda
