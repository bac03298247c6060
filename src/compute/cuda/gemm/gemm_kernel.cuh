// Dense products by wgmma, after CUTLASS's persistent "ping-pong" kernels for Hopper: one thread
// copies operands through the tensor memory accelerator, and two warpgroups take turns at the
// tensor cores, so that these never wait for the end of a tile. Blocks of a cluster share operands:
// each copies a part of them to all that need it.
#pragma once

#include "compute/cuda/gemm/gemm_epilogue.cuh"

namespace saccade::compute::cuda::gemm {

struct KernelArgs {
  EpilogueArgs epilogue;
  TileOrder order;
  int depth;      // stages of a sum
  int half_rows;  // of the weights, from the first half of a tile to the second
};

/// A block's place in its cluster, and those beside it.
struct ClusterPlace {
  int rank, row, column;
  int size;

  __device__ __forceinline__ explicit ClusterPlace(const TileOrder& order)
      : rank(hopper::rank_in_cluster()),
        row(rank % order.cluster_rows),
        column(rank / order.cluster_rows),
        size(order.cluster_rows * order.cluster_columns) {}

  /// Blocks that this one's stages depend on: itself, and its neighbours.
  static __device__ __forceinline__ int sharing(const TileOrder& order) {
    return order.cluster_rows + order.cluster_columns - 1;
  }
  /// The one that `lane` tells of a free stage.
  __device__ __forceinline__ int partner(int lane) const {
    return lane == 0 ? rank : lane == 1 ? rank ^ 1 : rank ^ 2;
  }
};

__device__ __forceinline__ void produce(const Tile& tile, const KernelArgs& args,
                                        const CUtensorMap* x, const CUtensorMap* w,
                                        int columns_of_tile) {
  const TileOrder& order = args.order;
  const ClusterPlace here(order);
  const auto bit = [](int rank) { return static_cast<std::uint16_t>(1 << rank); };
  const std::uint16_t same_row = bit(here.rank) | bit(here.rank ^ order.cluster_rows);
  const std::uint16_t same_column = bit(here.rank) | bit(here.rank ^ 1);
  Ring ring(0);
  for (int group = blockIdx.x / here.size; group < order.groups(); group += gridDim.x / here.size) {
    const TilePlace place = order.place(group, here.rank);
    const int row = place.row * Tile::kRows;
    const int column = place.column * columns_of_tile;
    for (int k = 0; k < args.depth; ++k, ring.advance()) {
      hopper::barrier_wait(tile.empty(ring.stage), ring.parity ^ 1);
      const std::uint32_t full = tile.full(ring.stage);
      hopper::barrier_arrive_expecting(full, Tile::kStageBytes);
      const int input = k * Tile::kDepth;
      const auto rows_at = [&](int half) { return row + half * (Tile::kRows / 2); };
      if (order.cluster_columns == 2) {
        hopper::copy_box_to_cluster(tile.rows(ring.stage, here.column), x, input,
                                    rows_at(here.column), full, same_row);
      } else {
        hopper::copy_box(tile.rows(ring.stage, 0), x, input, rows_at(0), full);
        hopper::copy_box(tile.rows(ring.stage, 1), x, input, rows_at(1), full);
      }
      if (order.cluster_rows == 2) {
        hopper::copy_box_to_cluster(tile.weights(ring.stage, here.row), w, input,
                                    column + here.row * args.half_rows, full, same_column);
      } else {
        hopper::copy_box(tile.weights(ring.stage, 0), w, input, column, full);
        hopper::copy_box(tile.weights(ring.stage, 1), w, input, column + args.half_rows, full);
      }
    }
  }
}

/// d (+)= the products of a stage.
__device__ __forceinline__ void issue(const Tile& tile, int stage,
                                      float (&d)[Tile::kBlocks][Tile::kAccumulators][4], bool add) {
  const std::uint64_t weights = Tile::Weights::along_columns(tile.weights(stage, 0), 0);
  hopper::wgmma_begin();
#pragma unroll
  for (int step = 0; step < Tile::kDepth / 16; ++step) {
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) {
      // 16 inputs are 32 bytes, of which descriptors count units of 16.
      const std::uint64_t rows = Tile::HalfRows::along_columns(tile.rows(stage, block), 0);
      hopper::wgmma_shared(d[block], rows + step * 2, weights + step * 2, step > 0 || add);
    }
  }
  hopper::wgmma_commit();
}

template <GemmEpilogue kKind>
__device__ __forceinline__ void consume(const Tile& tile, const KernelArgs& args,
                                        const CUtensorMap* y, int consumer) {
  const TileOrder& order = args.order;
  const ClusterPlace here(order);
  const int lane = threadIdx.x % 32;
  const bool tells = lane < ClusterPlace::sharing(order);
  const int partner = here.partner(lane);
  const auto release = [&](int stage) {
    if (tells) hopper::barrier_arrive_in_cluster(tile.empty(stage), partner);
  };
  const Epilogue<kKind> epilogue{tile, args.epilogue, y, consumer};
  const int clusters = gridDim.x / here.size;
  const int other = consumer ^ 1;
  // Consumer 0 begins.
  if (consumer == 1) hopper::named_arrive(Tile::kTurnBarrier + other, 256);
  unsigned index = consumer;  // of the block's tiles
  for (int group = blockIdx.x / here.size + consumer * clusters; group < order.groups();
       group += 2 * clusters, index += 2) {
    float d[Tile::kBlocks][Tile::kAccumulators][4];
    Ring ring(index * args.depth);
    int last = 0;
    hopper::named_sync(Tile::kTurnBarrier + consumer, 256);
    for (int k = 0; k < args.depth; ++k, ring.advance()) {
      hopper::barrier_wait(tile.full(ring.stage), ring.parity);
      issue(tile, ring.stage, d, k > 0);
      if (k > 0) {
        hopper::wgmma_wait<1>();
        release(last);
      }
      last = ring.stage;
    }
    if (group + clusters < order.groups()) hopper::named_arrive(Tile::kTurnBarrier + other, 256);
    hopper::wgmma_wait<0>();
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) hopper::pin(d[block]);
    release(last);
    const TilePlace place = order.place(group, here.rank);
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) {
      epilogue(d[block], place.row * Tile::kRows + block * 64, place.column * columns_of_y(kKind));
    }
  }
  if (threadIdx.x % 128 == 0) hopper::store_wait();
}

template <GemmEpilogue kKind>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    gemm_kernel(const __grid_constant__ KernelArgs args, const __grid_constant__ CUtensorMap x,
                const __grid_constant__ CUtensorMap w, const __grid_constant__ CUtensorMap y) {
#ifdef SACCADE_SM90A
  extern __shared__ unsigned char shared[];
  const Tile tile(shared);
  tile.init_barriers(ClusterPlace::sharing(args.order));
  ptx::wait_for_previous_kernels();
  if (threadIdx.x / 128 == 0) {
    hopper::give_registers<40>();
    if (threadIdx.x == 0) {
      produce(tile, args, &x, &w, columns_of_y(kKind));
      ptx::allow_next_kernel();
    }
    __syncwarp();
  } else {
    hopper::take_registers<232>();
    consume<kKind>(tile, args, &y, threadIdx.x / 128 - 1);
  }
  // Nobody leaves while other blocks copy to it or arrive at its barriers.
  ptx::cluster_arrive();
  ptx::cluster_wait();
#endif
}

}  // namespace saccade::compute::cuda::gemm
