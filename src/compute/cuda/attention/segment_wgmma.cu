// Attention inside long segments on 9.0 devices. Rows of a vision tower's matrices have any number
// of columns, so a warpgroup copies them in 16-byte pieces, with zeros for what is not there.
#include <algorithm>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/wgmma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

/// By all 128 threads of the producer. Eight neighbouring threads write 128 bytes in a row, which
/// keeps banks apart, and a warp reads few rows.
template <class Layout, int kKeys>
__device__ __forceinline__ void copy_parts(std::uint32_t to, const Bf16* first, int stride,
                                           int num_rows, int head_dim) {
  constexpr int kUnitRows = 8 / Layout::kPartChunks;
  constexpr int kCopies = kKeys * Layout::kParts * Layout::kPartChunks / 128;
  const int place = threadIdx.x % 8;
#pragma unroll 2
  for (int i = 0; i < kCopies; ++i) {
    const int unit = i * 16 + threadIdx.x / 8;
    const int row = unit / Layout::kParts * kUnitRows + place / Layout::kPartChunks;
    const int chunk = unit % Layout::kParts * Layout::kPartChunks + place % Layout::kPartChunks;
    const bool valid = row < num_rows && chunk * 8 < head_dim;
    ptx::copy_async_16(to + Layout::offset(row, chunk), first + row * stride + chunk * 8,
                       valid ? 16 : 0);
  }
}

template <int kHeadDim>
__global__ void __launch_bounds__(WgmmaTile<kHeadDim, false>::kThreads, 1)
    segment_wgmma_kernel(const __grid_constant__ SegmentArgs args, ScoreMap map, int min_rows,
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
  tile.init_barriers(128, alone ? 1 : Tile::kConsumers);
  if (threadIdx.x / 128 == 0) {
    hopper::give_registers<40>();
    // A copy is reported once the next one is on its way.
    std::uint32_t unreported = 0;
    const auto load = [&](const RowBlock& rows, int first_key, std::uint32_t to,
                          std::uint32_t barrier) {
      copy_parts<typename Tile::Keys, Tile::kKeys>(to, rows.first, static_cast<int>(rows.stride),
                                                   work.all.end - first_key, head_dim);
      ptx::copy_commit();
      if (unreported != 0) {
        ptx::copy_wait<1>();
        hopper::fence_for_wgmma();
        hopper::barrier_arrive(unreported);
      }
      unreported = barrier;
    };
    constexpr int kBlocks = Tile::kKeys / kPageTokens;
    tile.produce(
        Tile::tiles_of(work),
        [&](int key_tile, int stage) {
          load(work.keys(key_tile * kBlocks), key_tile * Tile::kKeys, tile.keys(stage),
               tile.keys_full(stage));
        },
        [&](int key_tile, int stage) {
          load(work.values(key_tile * kBlocks), key_tile * Tile::kKeys, tile.values(stage),
               tile.values_full(stage));
        });
    ptx::copy_wait<0>();
    hopper::fence_for_wgmma();
    hopper::barrier_arrive(unreported);
  } else if (threadIdx.x < 256 || !alone) {
    hopper::take_registers<232>();
    tile.template consume<false>(work, map, head_dim, threadIdx.x / 128 - 1, alone);
  }
#endif
}

template <int kHeadDim>
cudaError_t launch_segments(cudaStream_t stream, const SegmentArgs& args, int min_rows,
                            int max_rows) {
  using Tile = WgmmaTile<kHeadDim, false>;
  const std::int64_t rows = std::min<std::int64_t>(args.max_segment_rows, max_rows);
  const std::int64_t tiles = (rows + Tile::kRows - 1) / Tile::kRows;
  const std::int64_t blocks = tiles * args.num_segments * args.shape.num_heads;
  return launch(segment_wgmma_kernel<kHeadDim>,
                {dim3(static_cast<unsigned>(blocks)), Tile::kThreads, Tile::kSharedBytes}, stream,
                args.dependent_launch, args, score_map(args.shape), min_rows, max_rows,
                static_cast<int>(tiles));
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
