// The kernel of quant_gemm.h: sums of products, and what becomes of them.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_product.cuh"
#include "compute/gpu/kernels/quantize.h"

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

GPU_FN float4 operator+(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

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

GPU_FN void put_numbers(const QuantGemmKernelArgs& a, u32 row, u32 output, u32 end, float4 v) {
  const u64 to = row * a.y_stride + output;
  const bool half = a.output == QuantGemmOutput::kF16 || a.output == QuantGemmOutput::kGateF16;
  const bool add = a.output == QuantGemmOutput::kAddF32;
  if (a.aligned && output + 4 <= end) {
    if (half) {
      *(uint2*)((u16*)a.y + to) = make_uint2(f16_pair(v.x, v.y), f16_pair(v.z, v.w));
    } else {
      float4* y = (float4*)((float*)a.y + to);
      *y = add ? *y + v : v;
    }
    return;
  }
  const float values[4] = {v.x, v.y, v.z, v.w};
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) {
    if (output + i >= end) return;
    if (half) {
      ((f16*)a.y)[to + i] = Rounded<f16>::from(values[i]);
    } else {
      float* y = (float*)a.y + to + i;
      *y = add ? *y + values[i] : values[i];
    }
  }
}

GPU_FN float4 add_bias(const QuantGemmKernelArgs& a, float4 v, u32 output, u32 end) {
  if (!a.bias) return v;
  float bias[4];
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) bias[i] = output + i < end ? a.bias[output + i] : 0.0f;
  return v + make_float4(bias[0], bias[1], bias[2], bias[3]);
}

/// Four values of each of eight neighbouring lanes as a chunk of the next product's inputs, `chunk`
/// and `output` being where these lie: the same bits as quantize_rows makes of them.
GPU_FN void put_codes(const QuantGemmKernelArgs& a, u64 chunk, u32 output, const float* values) {
  const u32 lane = threadIdx.x % kLanes;
  const u32 mask = 0xffu << (lane & 24u);
  float largest = 0.0f;
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) largest = max_of(largest, absolute(values[i]));
  GPU_UNROLL
  for (u32 step = 1; step < 8; step *= 2) {
    largest = max_of(largest, __shfl_xor_sync(mask, largest, step));
  }
  const float inverse = largest > 1e-30f ? quotient(127.0f, largest) : 0.0f;
  u32 bits[4];
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) bits[i] = as_bits(fused(values[i], inverse, kMagic));
  const u32 codes = pack_bytes(bits[0], bits[1], bits[2], bits[3]);
  u32 sum = u32(dot4(codes, 0x01010101u, 0));
  sum += __shfl_xor_sync(mask, sum, 1);
  sum += __shfl_xor_sync(mask, sum, 2);
  const u32 second = __shfl_xor_sync(mask, sum, 4);
  a.y_codes[chunk * (kChunk / 4) + output % kChunk / 4] = codes;
  if (lane % 8 == 0)
    a.y_chunks[chunk] = {largest * (1.0f / 127.0f), (sum & 0xffffu) | second << 16};
}

/// The same of gated results, which are rounded to f16 between.
GPU_FN void put_gated_codes(const QuantGemmKernelArgs& a, u32 row, u32 output, float4 v) {
  const float values[4] = {v.x, v.y, v.z, v.w};
  float rounded[4];
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) {
    rounded[i] = half_to_float(u16(held_halves(float_to_half(values[i]))));
  }
  put_codes(a, u64(row) * (a.pair_distance / kChunk) + output / kChunk, output, rounded);
}

/// y += v, and the sums as what a norm gives to the next product.
GPU_FN void put_sums_for_norm(const QuantGemmKernelArgs& a, u32 row, u32 output, float4 v) {
  const float4 weight = __ldg((const float4*)(a.y_norm + output));
  float4* y = (float4*)((float*)a.y + row * a.y_stride + output);
  const float4 sum = *y + v;
  *y = sum;
  const float values[4] = {sum.x, sum.y, sum.z, sum.w};
  const float normed[4] = {rounded_product(sum.x, weight.x), rounded_product(sum.y, weight.y),
                           rounded_product(sum.z, weight.z), rounded_product(sum.w, weight.w)};
  const u64 chunk = u64(row) * (a.w.outputs / kChunk) + output / kChunk;
  put_codes(a, chunk, output, normed);
  float squares = quad_squares(values);
  const u32 lane = threadIdx.x % kLanes;
  const u32 mask = 0xffu << (lane & 24u);
  GPU_UNROLL
  for (u32 step = 1; step < 8; step *= 2) {
    squares = rounded_sum(squares, __shfl_xor_sync(mask, squares, step));
  }
  if (lane % 8 == 0) a.y_squares[chunk] = squares;
}

/// Lanes that add up the squares of a row, and how many of these each reads at once.
constexpr u32 kSquareLanes = 8;
constexpr u32 kSquareReads = 16;

/// What multiplies a row's results: 1 / sqrt(mean(x^2) + eps) of an RMS norm, or 1. The order of
/// the sum depends on the number of chunks alone.
template <u32 kRows>
GPU_FN void find_factors(const QuantGemmKernelArgs& a, u32 first_row, u32 rows, float* factors) {
  const u32 lane = threadIdx.x % kSquareLanes;
  for (u32 row = threadIdx.x / kSquareLanes; row < kRows; row += blockDim.x / kSquareLanes) {
    float sum = 0.0f;
    if (a.squares && row < rows) {
      const float* squares = a.squares + u64(first_row + row) * a.w.chunks;
      for (u32 first = lane; first < a.w.chunks; first += kSquareReads * kSquareLanes) {
        float read[kSquareReads];
        GPU_UNROLL
        for (u32 i = 0; i < kSquareReads; ++i) {
          const u32 chunk = first + i * kSquareLanes;
          read[i] = chunk < a.w.chunks ? __ldcg(squares + chunk) : 0.0f;
        }
        GPU_UNROLL
        for (u32 i = 0; i < kSquareReads; ++i) sum = rounded_sum(sum, read[i]);
      }
    }
    GPU_UNROLL
    for (u32 step = 1; step < kSquareLanes; step *= 2) {
      sum = rounded_sum(sum, __shfl_xor_sync(0xffffffffu, sum, step));
    }
    if (lane == 0) {
      factors[row] = a.squares ? inverse_square_root(sum / float(a.w.inputs) + a.eps) : 1.0f;
    }
  }
}

GPU_FN float4 operator*(float factor, float4 v) {
  return make_float4(rounded_product(factor, v.x), rounded_product(factor, v.y),
                     rounded_product(factor, v.z), rounded_product(factor, v.w));
}

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
      const float4 result = add_bias(a, factor * sums(row, place), output, end);
      if (a.y_codes) {
        put_sums_for_norm(a, first_row + row, output, result);
      } else {
        put_numbers(a, first_row + row, output, end, result);
      }
      continue;
    }
    // Of 32 outputs of a warp, 16 are gates.
    const u32 at = place / 16 * kWarpOutputs + place % 16;
    const float4 gate = add_bias(a, factor * sums(row, at), output, end);
    const float4 up =
        add_bias(a, factor * sums(row, at + 16), output + a.pair_distance, end + a.pair_distance);
    const float4 result = make_float4(
        apply(a.activation, gate.x, 0.0f) * up.x, apply(a.activation, gate.y, 0.0f) * up.y,
        apply(a.activation, gate.z, 0.0f) * up.z, apply(a.activation, gate.w, 0.0f) * up.w);
    put_numbers(a, first_row + row, output, end, result);
    if (a.y_codes) put_gated_codes(a, first_row + row, output, result);
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

/// Blocks: x are the workers, y tiles of rows.
template <CodeKind kCodes, ScaleUnit kUnit, ScaleKind kFixed, u32 kTiles, u32 kWarps>
__global__ void __launch_bounds__(kQuantGemmThreads, kTiles <= 2 ? 2 : 1)
    quant_gemm_kernel(const __grid_constant__ QuantGemmKernelArgs a) {
  extern __shared__ __align__(256) u8 shared[];
  __shared__ float factors[kTiles * 8];
  constexpr u32 kRows = kTiles * 8;
  constexpr u32 kOutputs = kWarps * kWarpOutputs;
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
      product.start();
      if (unit == begin) find_factors<kRows>(a, first_row, rows, factors);
      product.run();
      __syncthreads();
      product.store_results(results, kStride);
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
