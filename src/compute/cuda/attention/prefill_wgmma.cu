// Prefill attention over pages on 9.0 devices: pages come in through the tensor memory accelerator.
#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/tensor_map.cuh"
#include "compute/cuda/attention/wgmma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

template <int kHeadDim, bool kCapped>
__global__ void __launch_bounds__(WgmmaTile<kHeadDim, kCapped>::kThreads, 1)
    prefill_wgmma_kernel(const __grid_constant__ PrefillArgs args,
                         const __grid_constant__ CUtensorMap keys,
                         const __grid_constant__ CUtensorMap values, ScoreMap map) {
#ifdef SACCADE_SM90A
  using Tile = WgmmaTile<kHeadDim, kCapped>;
  extern __shared__ unsigned char shared[];
  const Tile tile(shared);
  ptx::wait_for_previous_kernels();
  const PagedWork work(args, Tile::kRows, blockIdx.x);
  if (work.empty()) return;
  const bool alone = !work.has_row(64);
  tile.init_barriers(alone ? 1 : Tile::kConsumers);
  if (threadIdx.x / 128 == 0) {
    hopper::give_registers<24>();
    if (threadIdx.x != 0) return;
    const int end_page = (work.all.end + kPageTokens - 1) / kPageTokens;
    const auto load = [&](const CUtensorMap* matrix, int index, std::uint32_t to,
                          std::uint32_t barrier) {
      hopper::barrier_arrive_expecting(barrier, Tile::Keys::kBytes);
#pragma unroll
      for (int i = 0; i < Tile::kKeys / kPageTokens; ++i) {
        // Where the sequence has no further page, any will do: its keys are masked.
        const int page = min(index * (Tile::kKeys / kPageTokens) + i, end_page - 1);
        Tile::Keys::copy_64_rows(to, i * kPageTokens, matrix, 0,
                                 static_cast<int>(work.page_row(page)), barrier);
      }
    };
    tile.produce(
        Tile::tiles_of(work),
        [&](int index, int stage) { load(&keys, index, tile.keys(stage), tile.keys_full(stage)); },
        [&](int index, int stage) {
          load(&values, index, tile.values(stage), tile.values_full(stage));
        });
  } else if (threadIdx.x < 256 || !alone) {
    hopper::take_registers<240>();
    tile.consume(work, map, args.shape.head_dim, threadIdx.x / 128 - 1, alone);
  }
#endif
}

template <int kHeadDim, bool kCapped>
cudaError_t launch_prefill(cudaStream_t stream, const PrefillArgs& args) {
  using Tile = WgmmaTile<kHeadDim, kCapped>;
  CUtensorMap keys;
  CUtensorMap values;
  const std::int64_t rows = args.kv.num_pages * args.shape.num_kv_heads * kPageTokens;
  cudaError_t error = make_map(args.kv.keys, rows, kHeadDim, kHeadDim, keys);
  if (error == cudaSuccess) error = make_map(args.kv.values, rows, kHeadDim, kHeadDim, values);
  if (error != cudaSuccess) return error;
  const std::int64_t blocks = max_tiles(args, Tile::kRows) * args.shape.num_kv_heads;
  return launch(prefill_wgmma_kernel<kHeadDim, kCapped>,
                {dim3(static_cast<unsigned>(blocks)), Tile::kThreads, Tile::kSharedBytes}, stream,
                args.dependent_launch, args, keys, values, score_map(args.shape));
}

template <int kHeadDim>
cudaError_t launch_prefill(cudaStream_t stream, const PrefillArgs& args) {
  return args.shape.softcap != 0.0f ? launch_prefill<kHeadDim, true>(stream, args)
                                    : launch_prefill<kHeadDim, false>(stream, args);
}

}  // namespace

bool prefill_wgmma_fits(const PrefillArgs& args) {
  const int head_dim = args.shape.head_dim;
  return (head_dim == 64 || head_dim == 128 || head_dim == 256) &&
         is_wide(args.queries, args.query_stride, head_dim) &&
         is_wide(args.kv.keys, head_dim, head_dim) && is_wide(args.kv.values, head_dim, head_dim) &&
         runs_wgmma(reinterpret_cast<const void*>(prefill_wgmma_kernel<128, false>));
}

cudaError_t prefill_wgmma(cudaStream_t stream, const PrefillArgs& args) {
  if (args.shape.head_dim == 64) return launch_prefill<64>(stream, args);
  if (args.shape.head_dim == 128) return launch_prefill<128>(stream, args);
  return launch_prefill<256>(stream, args);
}

}  // namespace saccade::compute::cuda
