// Attention inside segments by mma.sync: windows of a vision tower, and on devices without wgmma
// segments of any length.
#include <algorithm>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/mma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

template <int kHeadDim, int kRowTiles>
__global__ void __launch_bounds__(128, 2)
    segment_mma_kernel(const __grid_constant__ SegmentArgs args, ScoreMap map, bool wide,
                       int min_rows, int max_rows, int max_tiles) {
  using Tile = MmaTile<kHeadDim, kRowTiles>;
  extern __shared__ __align__(128) unsigned char shared[];
  ptx::wait_for_previous_kernels();
  const int heads = args.shape.num_heads;
  const int index = blockIdx.x / heads;
  const SegmentWork work(args, Tile::kRows, index % max_tiles, index / max_tiles,
                         blockIdx.x % heads, min_rows, max_rows);
  if (work.empty()) return;
  Tile tile;
  tile.run(work, map, args.shape.head_dim, wide, ptx::shared_address(shared));
}

template <int kHeadDim, int kRowTiles>
cudaError_t launch_segments(cudaStream_t stream, const SegmentArgs& args, bool wide, int min_rows,
                            int max_rows) {
  using Tile = MmaTile<kHeadDim, kRowTiles>;
  const std::int64_t rows = std::min<std::int64_t>(args.max_segment_rows, max_rows);
  const std::int64_t tiles = (rows + Tile::kRows - 1) / Tile::kRows;
  const std::int64_t blocks = tiles * args.num_segments * args.shape.num_heads;
  return launch(segment_mma_kernel<kHeadDim, kRowTiles>,
                {dim3(static_cast<unsigned>(blocks)), Tile::kThreads, Tile::kSharedBytes}, stream,
                args.dependent_launch, args, score_map(args.shape), wide, min_rows, max_rows,
                static_cast<int>(tiles));
}

}  // namespace

cudaError_t segment_mma(cudaStream_t stream, const SegmentArgs& args, int min_rows, int max_rows) {
  const int head_dim = args.shape.head_dim;
  const bool wide = is_wide(args.queries, args.stride, head_dim) &&
                    is_wide(args.keys, args.stride, head_dim) &&
                    is_wide(args.values, args.stride, head_dim);
  const bool low = std::min<std::int64_t>(args.max_segment_rows, max_rows) <= 64;
  return with_padded_head_dim(head_dim, [&](auto padded) {
    if constexpr (padded.value <= 128) {
      if (!low) return launch_segments<padded.value, 2>(stream, args, wide, min_rows, max_rows);
    }
    return launch_segments<padded.value, 1>(stream, args, wide, min_rows, max_rows);
  });
}

}  // namespace saccade::compute::cuda
