// The kernel of quant_gemm.h: sums of products, and what becomes of them.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_end_reads.cuh"
#include "compute/cuda/quant_gemm/quant_gemm_product.cuh"
#include "compute/cuda/quant_gemm/quant_gemm_results.cuh"

namespace saccade::compute::cuda {

/// Shares of the work: units are blocks of 256 inputs of an output tile, tile after tile, and each
/// worker has as many of them as any other, one at most more or less.
struct Shares {
  u32 blocks, units, workers;

  GPU_FN u32 first_unit(u32 worker) const { return u32(u64(worker) * units / workers); }
  /// Whose share `unit` is in.
  GPU_FN u32 worker(u32 unit) const { return u32((u64(unit + 1) * workers - 1) / units); }
  /// Of two places for partial sums that a worker has, the one for its part of tile `tile`: the
  /// first for what its share begins with.
  GPU_FN u32 place(u32 worker, u32 tile) const {
    return 2 * worker + (first_unit(worker) < tile * blocks ? 1 : 0);
  }
};

/// Sums of the parts that warps along the inputs left in shared memory, in their order.
struct BlockSums {
  const float* parts;
  u32 row_stride, part_stride, count;

  GPU_FN float4 operator()(u32 row, u32 column) const {
    const float* at = parts + row * row_stride + column;
    float4 sum = *(const float4*)at;
    for (u32 k = 1; k < count; ++k) sum = sum + *(const float4*)(at + k * part_stride);
    return sum;
  }
};

/// Sums of the parts that workers left in the workspace, in their order.
struct WorkerSums {
  const float* parts;
  u32 outputs, part_floats, tile, first, last;
  Shares shares;

  GPU_FN float4 operator()(u32 row, u32 column) const {
    const float* at = parts + row * outputs + column;
    float4 sum = __ldcg((const float4*)(at + u64(shares.place(first, tile)) * part_floats));
    // A share of a later worker begins in this tile.
#pragma unroll 8
    for (u32 w = first + 1; w <= last; ++w) {
      sum = sum + __ldcg((const float4*)(at + u64(2 * w) * part_floats));
    }
    return sum;
  }
};

/// What becomes of a tile's sums.
template <u32 kOutputs, typename Sums>
GPU_FN void put_tile(const QuantGemmKernelArgs& a, const Sums& sums, const float* factors, u32 tile,
                     u32 first_row, u32 rows) {
  const bool gated = a.pair_distance != 0;
  const u32 end = gated ? a.pair_distance : a.w.outputs;
  const u32 width = gated ? kOutputs / 2 : kOutputs;
  const u32 quads = width / 4;
  for (u32 i = threadIdx.x; i < rows * quads; i += blockDim.x) {
    const u32 row = i / quads;
    const u32 place = i % quads * 4;
    const u32 output = tile * width + place;
    if (output >= end) continue;
    const float factor = factors[row];
    if (!gated) {
      put_sums(a, first_row + row, output, end, factor * sums(row, place), {});
    } else {
      // Of 32 outputs of a warp, 16 are gates.
      const u32 at = place / 16 * kWarpOutputs + place % 16;
      put_sums(a, first_row + row, output, end, factor * sums(row, at),
               factor * sums(row, at + 16));
    }
  }
}

/// Leaves a part of a tile's sums in the workspace; true where this block is the last to do so.
template <u32 kRows, u32 kOutputs>
GPU_FN bool leave_part(const BlockSums& sums, float* part, u32* counter, u32 parts) {
  __shared__ bool last;
  for (u32 i = threadIdx.x; i < kRows * kOutputs / 4; i += blockDim.x) {
    __stcg((float4*)part + i, sums(i / (kOutputs / 4), i % (kOutputs / 4) * 4));
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(counter, 1u) == parts - 1;
    if (last) *counter = 0;
  }
  __syncthreads();
  if (last) __threadfence();
  return last;
}

/// Of a block, at most: with 512, registers are as many as for two blocks of 256.
constexpr u32 most_threads(u32 tiles, u32 warps) {
  return warps == 1 && tiles <= 2 ? 512 : 256;
}

/// Blocks: x are the workers, y tiles of rows.
template <CodeKind kCodes, ScaleUnit kUnit, ScaleKind kFixed, u32 kTiles, u32 kWarps>
__global__ void __launch_bounds__(most_threads(kTiles, kWarps), kTiles <= 2 && kWarps > 1 ? 2 : 1)
    quant_gemm_kernel(const __grid_constant__ QuantGemmKernelArgs a) {
  extern __shared__ __align__(256) u8 shared[];
  __shared__ float factors[kTiles * 8];
  __shared__ u32 end_bits[kLanes];  // nobody reads them: so that nothing is left out
  constexpr u32 kRows = kTiles * 8;
  constexpr u32 kOutputs = kWarps * kWarpOutputs;
  const u32 threads = a.depth_warps * kWarps * kLanes;  // that multiply
  const bool helps = kWarps == 1 && threadIdx.x >= threads;
  constexpr u32 kStride = result_stride(kOutputs);
  const u32 first_row = blockIdx.y * kRows;
  const u32 rows = a.rows - first_row < kRows ? a.rows - first_row : kRows;
  const u32 blocks = (a.w.chunks + kStageChunks - 1) / kStageChunks;
  const Shares shares = {blocks, a.tiles * blocks, gridDim.x};
  float* results = (float*)shared;
  float* partials = a.partials + u64(blockIdx.y) * 2 * gridDim.x * kRows * kOutputs;
  const u32 begin = shares.first_unit(blockIdx.x);
  const u32 end = shares.first_unit(blockIdx.x + 1);
  for (u32 unit = begin; unit < end;) {
    const u32 tile = unit / blocks;
    const u32 first = unit - tile * blocks;
    const u32 last = blocks < first + (end - unit) ? blocks : first + (end - unit);
    {
      WarpProduct<kCodes, kUnit, kFixed, kTiles, kWarps> product(a, shared, tile, first, last,
                                                                 first_row);
      EndReads<kOutputs> reads(a, tile);
      if (helps) reads.read_weights();
      product.start();
      if (helps) reads.read_results(first_row, rows);
      if (unit == begin && (helps || kWarps > 1)) {
        find_factors<kRows>(a, first_row, rows, helps ? threadIdx.x - threads : threadIdx.x,
                            helps ? kLanes : threads, factors);
      }
      if (helps) end_bits[threadIdx.x % kLanes] = reads.bits();
      product.run();
      __syncthreads();
      if (!helps) product.store_results(results, kStride);
    }
    __syncthreads();
    const BlockSums sums = {results, kStride, kRows * kStride, a.depth_warps};
    if (last - first == blocks) {
      put_tile<kOutputs>(a, sums, factors, tile, first_row, rows);
    } else {
      const u32 first_worker = shares.worker(tile * blocks);
      const u32 last_worker = shares.worker(tile * blocks + blocks - 1);
      // A worker is the first of at most one tile that it does not finish.
      float* part = partials + u64(shares.place(blockIdx.x, tile)) * (kRows * kOutputs);
      if (leave_part<kRows, kOutputs>(sums, part,
                                      a.counters + blockIdx.y * gridDim.x + first_worker,
                                      last_worker - first_worker + 1)) {
        const WorkerSums all = {partials,    kOutputs, kRows * kOutputs, tile, first_worker,
                                last_worker, shares};
        put_tile<kOutputs>(a, all, factors, tile, first_row, rows);
      }
    }
    __syncthreads();
    unit += last - first;
  }
}

template <CodeKind kCodes, ScaleUnit kUnit, ScaleKind kFixed, u32 kTiles, u32 kWarps>
QuantGemmKernel make_quant_gemm_kernel() {
  return {(const void*)quant_gemm_kernel<kCodes, kUnit, kFixed, kTiles, kWarps>, kTiles * 8,
          most_threads(kTiles, kWarps),
          [](u32 stages) { return TeamLayout<kCodes, kUnit, kTiles, kWarps>::bytes(stages); }};
}

/// Kernels for 8, 16, 32 and 64 rows. A warp that has a team of its own would have more activations
/// than weights in shared memory for 64.
template <CodeKind kCodes, ScaleUnit kUnit, ScaleKind kFixed>
QuantGemmKernel choose_tiles(int rows, u32 output_warps) {
  if (output_warps == 1) {
    return rows <= 8    ? make_quant_gemm_kernel<kCodes, kUnit, kFixed, 1, 1>()
           : rows <= 16 ? make_quant_gemm_kernel<kCodes, kUnit, kFixed, 2, 1>()
                        : make_quant_gemm_kernel<kCodes, kUnit, kFixed, 4, 1>();
  }
  return rows <= 8    ? make_quant_gemm_kernel<kCodes, kUnit, kFixed, 1, 4>()
         : rows <= 16 ? make_quant_gemm_kernel<kCodes, kUnit, kFixed, 2, 4>()
         : rows <= 32 ? make_quant_gemm_kernel<kCodes, kUnit, kFixed, 4, 4>()
                      : make_quant_gemm_kernel<kCodes, kUnit, kFixed, 8, 4>();
}

}  // namespace saccade::compute::cuda
