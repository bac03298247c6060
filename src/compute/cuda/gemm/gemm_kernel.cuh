// Dense products by wgmma, after CUTLASS's persistent "ping-pong" kernels for Hopper: one thread
// copies operands through the tensor memory accelerator, and two warpgroups take turns at the
// tensor cores, so that these never wait for the end of a tile. Two blocks of a cluster share an
// operand: each copies half of it to both.
#pragma once

#include "compute/cuda/gemm/gemm_epilogue.cuh"

namespace saccade::compute::cuda::gemm {

struct KernelArgs {
  EpilogueArgs epilogue;
  TileOrder order;
  int depth;      // stages of a sum
  int half_rows;  // of the weights, from the first half of a tile to the second
};

__device__ __forceinline__ void produce(const Tile& tile, const KernelArgs& args,
                                        const CUtensorMap* x, const CUtensorMap* w,
                                        int columns_of_tile) {
  constexpr std::uint16_t kBoth = 3;
  const int rank = hopper::rank_in_cluster();
  Ring ring(0);
  for (int pair = blockIdx.x / Tile::kCluster; pair < args.order.pairs();
       pair += gridDim.x / Tile::kCluster) {
    const TilePlace place = args.order.place(pair, rank);
    const auto row = [&](int half) { return place.row * Tile::kRows + half * (Tile::kRows / 2); };
    const auto column = [&](int half) {
      return place.column * columns_of_tile + half * args.half_rows;
    };
    for (int k = 0; k < args.depth; ++k, ring.advance()) {
      hopper::barrier_wait(tile.empty(ring.stage), ring.parity ^ 1);
      const std::uint32_t full = tile.full(ring.stage);
      hopper::barrier_arrive_expecting(full, Tile::kStageBytes);
      const int input = k * Tile::kDepth;
      if (args.order.pair_rows) {
        hopper::copy_box(tile.rows(ring.stage, 0), x, input, row(0), full);
        hopper::copy_box(tile.rows(ring.stage, 1), x, input, row(1), full);
        hopper::copy_box_to_cluster(tile.weights(ring.stage, rank), w, input, column(rank), full,
                                    kBoth);
      } else {
        hopper::copy_box_to_cluster(tile.rows(ring.stage, rank), x, input, row(rank), full, kBoth);
        hopper::copy_box(tile.weights(ring.stage, 0), w, input, column(0), full);
        hopper::copy_box(tile.weights(ring.stage, 1), w, input, column(1), full);
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
  const int lane = threadIdx.x % 32;
  const auto release = [&](int stage) {
    if (lane < Tile::kCluster) hopper::barrier_arrive_in_cluster(tile.empty(stage), lane);
  };
  const Epilogue<kKind> epilogue{tile, args.epilogue, y, consumer};
  const int rank = hopper::rank_in_cluster();
  const int clusters = gridDim.x / Tile::kCluster;
  const int other = consumer ^ 1;
  // Consumer 0 begins.
  if (consumer == 1) hopper::named_arrive(Tile::kTurnBarrier + other, 256);
  unsigned index = consumer;  // of the block's tiles
  for (int pair = blockIdx.x / Tile::kCluster + consumer * clusters; pair < order.pairs();
       pair += 2 * clusters, index += 2) {
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
    if (pair + clusters < order.pairs()) hopper::named_arrive(Tile::kTurnBarrier + other, 256);
    hopper::wgmma_wait<0>();
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) hopper::pin(d[block]);
    release(last);
    const TilePlace place = order.place(pair, rank);
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
  tile.init_barriers();
  ptx::wait_for_previous_kernels();
  if (threadIdx.x / 128 == 0) {
    // 65,536 registers: 168 a thread at the start, then 232 for those that multiply.
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
