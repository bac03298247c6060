// Prefill attention over pages by mma.sync, for every device from 8.0 on and every head size.
#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/mma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

template <int kHeadDim, int kRowTiles>
__global__ void __launch_bounds__(128, 2)
    prefill_mma_kernel(const __grid_constant__ PrefillArgs args, ScoreMap map, bool wide) {
  using Tile = MmaTile<kHeadDim, kRowTiles>;
  extern __shared__ __align__(128) unsigned char shared[];
  ptx::wait_for_previous_kernels();
  const PagedWork work(args, Tile::kRows, blockIdx.x);
  if (work.empty()) return;
  Tile tile;
  tile.run(work, map, args.shape.head_dim, wide, ptx::shared_address(shared));
}

template <int kHeadDim, int kRowTiles>
cudaError_t launch_prefill(cudaStream_t stream, const PrefillArgs& args, bool wide) {
  using Tile = MmaTile<kHeadDim, kRowTiles>;
  const std::int64_t blocks = max_tiles(args, Tile::kRows) * args.shape.num_kv_heads;
  return launch(prefill_mma_kernel<kHeadDim, kRowTiles>,
                {dim3(static_cast<unsigned>(blocks)), Tile::kThreads, Tile::kSharedBytes}, stream,
                args.dependent_launch, args, score_map(args.shape), wide);
}

}  // namespace

cudaError_t prefill_mma(cudaStream_t stream, const PrefillArgs& args) {
  const int head_dim = args.shape.head_dim;
  const bool wide = is_wide(args.queries, args.query_stride, head_dim) &&
                    is_wide(args.kv.keys, head_dim, head_dim) &&
                    is_wide(args.kv.values, head_dim, head_dim);
  // Spans of one or a few tokens leave most of a high tile empty.
  const bool low =
      args.num_rows * (args.shape.num_heads / args.shape.num_kv_heads) <= 64 * args.num_spans;
  return with_padded_head_dim(head_dim, [&](auto padded) {
    if constexpr (padded.value <= 128) {
      if (!low) return launch_prefill<padded.value, 2>(stream, args, wide);
    }
    return launch_prefill<padded.value, 1>(stream, args, wide);
  });
}

}  // namespace saccade::compute::cuda
