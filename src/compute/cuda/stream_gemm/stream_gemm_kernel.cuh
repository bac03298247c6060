// The kernel of stream_gemm.h.
//
// A thread of a block's last warp keeps the stages of shared memory filled. In the other warps,
// teams of warps along the inputs take stages in turn and leave their results in buffers; the warp
// beside the last adds these up in the warps' order and puts the sums into slots, its own or those
// of the block that owns the outputs. When all sums are there, the warps that have multiplied
// finish them, each four rows of a group of 32 results.
#pragma once

#include "compute/cuda/gemv/transfers.cuh"
#include "compute/cuda/quant_gemm/quant_gemm_results.cuh"
#include "compute/cuda/stream_gemm/stream_gemm_product.cuh"

namespace saccade::compute::cuda::streamed {

/// A place in a ring, and the parity of how often the ring has been gone around.
struct RingPlace {
  u32 at = 0;
  int round = 0;

  /// `steps` is at most `size`.
  __device__ __forceinline__ void advance(u32 steps, u32 size) {
    at += steps;
    if (at >= size) at -= size, round ^= 1;
  }
};

/// One thread: the weights of the block, stage by stage. Rows beyond the last become zeros, or of
/// gates something that nobody reads.
__device__ inline void ask_for_weights(const KernelArgs& args, const BlockWork& work,
                                       const Memory& places, u32 shared) {
  const Plan& plan = args.plan;
  const u32 results = plan.stage_results();
  const u32 second = plan.gated ? args.gemm.pair_distance : kTileRows;
  const int oct = static_cast<int>(work.first_oct);
  const u32 stages = work.end - work.begin;
  RingPlace place, before;
  for (u32 i = 0; i < stages; ++i, place.advance(1, plan.stages)) {
    if (i >= plan.stages) {
      hopper::barrier_wait(shared + Memory::kEmpty + place.at * 8, place.round ^ 1);
    }
    // With more on the way inputs would come late, the next launch's and those of this one.
    if (i >= plan.ahead) {
      hopper::barrier_wait(shared + Memory::kFull + before.at * 8, before.round);
      before.advance(1, plan.stages);
    }
    const u32 full = shared + Memory::kFull + place.at * 8;
    hopper::barrier_arrive_expecting(full, static_cast<int>(plan.stage_bytes()));
    const u32 first = (work.first + work.begin + i) * results;
#pragma unroll
    for (u32 t = 0; t < 2; ++t) {
      const int row = static_cast<int>(first + t * second);
      const u32 tile = place.at * 2 + t;
      hopper::copy_box_once(shared + places.codes + tile * plan.tile_codes(), &args.codes, 0, row,
                            oct, full);
      hopper::copy_box_once(shared + places.scales + tile * plan.tile_scales(), &args.scales,
                            oct * 4, row, 0, full);
    }
  }
}

/// A warp that multiplies: an oct of every stage of its team.
template <typename Product, u32 kTiles>
__device__ __forceinline__ void multiply_stages(const KernelArgs& args, const BlockWork& work,
                                                const Memory& places, u8* memory, u32 shared) {
  const Plan& plan = args.plan;
  const u32 lane = threadIdx.x % kLanes;
  const u32 warp = threadIdx.x / kLanes;
  const u32 team = warp / plan.depth;
  const u32 oct = warp - team * plan.depth;
  // A block may have an oct less than others; its last warps leave zeros.
  const bool works = oct < work.last_oct - work.first_oct;
  const u32 stage_codes = 2 * plan.tile_codes();
  const u32 stage_scales = 2 * plan.tile_scales();
  const u32 codes_at = shared + places.codes + lane / 8 % 2 * plan.tile_codes() +
                       oct * (kTileRows * kOctCodes) + lane % 8 * kOctCodes +
                       ((lane / 16) ^ (lane % 8)) * 16;
  const u32 scales_at =
      shared + places.scales + lane / 4 * (plan.depth * kOctScales) + oct * kOctScales;
  const u32 buffer_bytes = plan.depth * Memory::kSums;
  u8* results_at = memory + places.buffers + oct * Memory::kSums + lane * 16;
  const int buffer_threads = static_cast<int>((plan.depth + 1) * kLanes);
  const u32 stages = work.end - work.begin;
  Product product;
  hopper::barrier_wait(shared + Memory::kFilled, 0);
  product.read_activations(memory, places.x_chunks, oct);
  hopper::named_arrive(kReadBarrier, static_cast<int>((plan.workers() + 1) * kLanes));
  RingPlace stage{team}, buffer{team};
#pragma unroll 1
  for (u32 i = team; i < stages; i += plan.teams) {
    hopper::barrier_wait(shared + Memory::kFull + stage.at * 8, stage.round);
    float results[kTiles][4] = {};
    if (works) {
      product.multiply(args.gemm.w, codes_at + stage.at * stage_codes,
                       scales_at + stage.at * stage_scales, plan.tile_scales(), results);
    }
    __syncwarp();
    if (lane == 0) hopper::barrier_arrive(shared + Memory::kEmpty + stage.at * 8);
    if (i >= plan.buffers) {
      hopper::barrier_wait(shared + Memory::kFree + buffer.at * 8, buffer.round ^ 1);
    }
    auto* to = reinterpret_cast<float4*>(results_at + buffer.at * buffer_bytes);
#pragma unroll
    for (u32 r = 0; r < kTiles; ++r) {
      to[r * (Memory::kTileSums / 16)] =
          make_float4(results[r][0], results[r][1], results[r][2], results[r][3]);
    }
    hopper::named_arrive(kBufferBarriers + static_cast<int>(buffer.at), buffer_threads);
    stage.advance(plan.teams, plan.stages);
    buffer.advance(plan.teams, plan.buffers);
  }
}

/// Four sums of a row of a stage, added up over the blocks that share the inputs; `column` is a
/// multiple of four.
__device__ __forceinline__ float4 read_sums(const u8* slot, u32 parts, u32 row, u32 column) {
  const u8* from = slot + row / 8 * Memory::kTileSums + (column % 8 * 4 + row % 8 / 2) * 16 +
                   (column / 8 * 2 + row % 2) * 4;
  float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 1
  for (u32 part = 0; part < parts; ++part, from += Memory::kSums) {
    const auto* floats = reinterpret_cast<const float*>(from);
    sum = sum + make_float4(floats[0], floats[16], floats[32], floats[48]);
  }
  return sum;
}

/// The warp that adds up what the others have of a stage. Its first thread asks for the activations
/// before.
template <u32 kTiles>
__device__ __forceinline__ void add_up(const KernelArgs& args, const BlockWork& work,
                                       const Memory& places, u8* memory, u32 shared) {
  const Plan& plan = args.plan;
  const u32 lane = threadIdx.x % kLanes;
  const int buffer_threads = static_cast<int>((plan.depth + 1) * kLanes);
  ptx::wait_for_previous_kernels();
  if (lane == 0) {
    const u32 filled = shared + Memory::kFilled;
    const int oct = static_cast<int>(work.first_oct);
    hopper::barrier_arrive_expecting(
        filled, static_cast<int>(plan.depth * (Memory::kXOct + kRows * kOctChunks * 8)));
    hopper::copy_box(shared + Memory::kX, &args.x_codes, 0, 0, oct * 2, filled);
    hopper::copy_box(shared + places.x_chunks, &args.x_chunks, 0, 0, oct, filled);
  }
  __syncwarp();
  hopper::named_sync(kReadBarrier, static_cast<int>((plan.workers() + 1) * kLanes));
  RingPlace buffer;
#pragma unroll 1
  for (u32 i = work.begin; i < work.end; ++i, buffer.advance(1, plan.buffers)) {
    const u32 owner = work.owner(plan, i);
    const u32 slot = work.slot(plan, i) + (plan.shares_inputs ? work.rank : 0);
    u8* to = memory + places.slot(slot) + lane * 16;
    hopper::named_sync(kBufferBarriers + static_cast<int>(buffer.at), buffer_threads);
    const float4* from = reinterpret_cast<const float4*>(
        memory + places.buffers + buffer.at * plan.depth * Memory::kSums + lane * 16);
    float4 sums[kTiles];
#pragma unroll
    for (u32 r = 0; r < kTiles; ++r) sums[r] = from[r * (Memory::kTileSums / 16)];
#pragma unroll 4
    for (u32 k = 1; k < plan.depth; ++k) {
      from += Memory::kSums / 16;
#pragma unroll
      for (u32 r = 0; r < kTiles; ++r) sums[r] = sums[r] + from[r * (Memory::kTileSums / 16)];
    }
    hopper::barrier_arrive(shared + Memory::kFree + buffer.at * 8);
    if (owner == work.rank) {
#pragma unroll
      for (u32 r = 0; r < kTiles; ++r) {
        *reinterpret_cast<float4*>(to + r * Memory::kTileSums) = sums[r];
      }
    } else {
      const int rank = static_cast<int>(owner);
      const u32 there = ptx::address_in_cluster(to, rank);
      const u32 barrier = ptx::address_in_cluster(memory + Memory::kReceived, rank);
#pragma unroll
      for (u32 r = 0; r < kTiles; ++r) {
        hopper::send(there + r * Memory::kTileSums, sums[r], barrier);
      }
    }
  }
}

/// What becomes of the sums of the groups that this block owns: a warp takes four rows of a group.
__device__ __forceinline__ void finish(const KernelArgs& args, const BlockWork& work,
                                       const Memory& places, const u8* memory) {
  const Plan& plan = args.plan;
  const QuantGemmKernelArgs& a = args.gemm;
  const u32 lane = threadIdx.x % kLanes;
  const u32 of_stage = plan.stage_results();
  const u32 end = plan.gated ? a.pair_distance : a.w.outputs;
  const u32 parts = plan.shares_inputs ? plan.cluster() : 1;
  const auto* factors = reinterpret_cast<const float*>(memory + Memory::kFactors);
  const u32 place = lane % 8 * 4;
  const u32 column = place & (of_stage - 1);
  const u32 rows = (a.rows + 3) / 4 * 4;
  u32 group = work.first_group(plan);
  u32 row = threadIdx.x / kLanes * 4 + lane / 8;
#pragma unroll 1
  while (group < work.group_end(plan)) {
    if (row >= rows) {
      row -= rows;
      group += work.group_step(plan);
      continue;
    }
    const u32 stage = (group << plan.group_shift()) + place / of_stage;
    const u32 output = work.first * of_stage + group * kGroupResults + place;
    if (row < a.rows && stage < work.count && output < end) {
      const u8* slot = memory + places.slot(work.slot(plan, stage));
      const float4 sums = factors[row] * read_sums(slot, parts, row, column);
      float4 up = {};
      if (plan.gated) up = factors[row] * read_sums(slot, parts, row, column + 8);
      put_sums(a, row, output, end, sums, up);
    }
    row += (plan.workers() + 1) * 4;
  }
}

/// One thread.
__device__ inline void init_barriers(const Plan& plan, u32 shared, u32 received_bytes) {
#pragma unroll 1
  for (u32 s = 0; s < plan.stages; ++s) {
    hopper::barrier_init(shared + Memory::kFull + s * 8, 1);
    hopper::barrier_init(shared + Memory::kEmpty + s * 8, static_cast<int>(plan.depth));
  }
#pragma unroll 1
  for (u32 b = 0; b < plan.buffers; ++b) {
    hopper::barrier_init(shared + Memory::kFree + b * 8, kLanes);
  }
  hopper::barrier_init(shared + Memory::kFilled, 1);
  hopper::barrier_init(shared + Memory::kReceived, 1);
  hopper::barrier_init(shared + Memory::kDone, static_cast<int>((plan.workers() + 1) * kLanes));
  hopper::barrier_arrive_expecting(shared + Memory::kReceived, static_cast<int>(received_bytes));
  hopper::barrier_init_fence();
}

template <ScaleKind kScales, NumberKind kNumber, u32 kTiles>
__global__ void __launch_bounds__(kMaxThreads, 1)
    stream_gemm_kernel(const __grid_constant__ KernelArgs args) {
#ifdef SACCADE_SM90A
  extern __shared__ __align__(1024) u8 memory[];
  const Plan& plan = args.plan;
  const BlockWork work(plan);
  const Memory places(plan);
  const u32 workers = plan.workers();
  const u32 warp = threadIdx.x / kLanes;
  const u32 shared = ptx::shared_address(memory);
  ptx::allow_next_kernel();
  if (warp == workers + 1 && threadIdx.x % kLanes == 0) {
    init_barriers(plan, shared, work.received_parts(plan) * kTiles * Memory::kTileSums);
  }
  __syncthreads();
  if (plan.cluster_shift > 0) ptx::cluster_arrive_relaxed();
  if (warp == workers + 1) {
    if (threadIdx.x % kLanes == 0) ask_for_weights(args, work, places, shared);
    __syncwarp();
    if (plan.cluster_shift > 0) ptx::cluster_wait();
    return;
  }
  // What is sent to the other block needs its barrier. All warps wait: where one does alone,
  // racecheck (CUDA 13.0) waits for ever.
  if (plan.cluster_shift > 0) ptx::cluster_wait();
  if (warp == workers) {
    add_up<kTiles>(args, work, places, memory, shared);
  } else {
    ptx::wait_for_previous_kernels();
    find_factors<kRows>(args.gemm, 0, args.gemm.rows, threadIdx.x, workers * kLanes,
                        reinterpret_cast<float*>(memory + Memory::kFactors));
    multiply_stages<WarpProduct<kScales, kNumber, kTiles>, kTiles>(args, work, places, memory,
                                                                   shared);
  }
  // No named barrier: after those where some only arrive compute-sanitizer's racecheck (CUDA 13.0)
  // does not see that one orders anything. It counts what each thread arrives at.
  hopper::barrier_arrive(shared + Memory::kDone);
  hopper::barrier_wait(shared + Memory::kDone, 0);
  hopper::barrier_wait(shared + Memory::kReceived, 0);
  finish(args, work, places, memory);
#endif
}

}  // namespace saccade::compute::cuda::streamed
