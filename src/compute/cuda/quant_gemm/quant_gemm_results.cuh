// What becomes of the sums of quantized products: bias, gates, what they are added to, and the same
// once more as inputs of the next product.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_kernel.h"
#include "compute/gpu/kernels/quantize.h"

namespace saccade::compute::cuda {

GPU_FN float4 operator+(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

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
#pragma unroll 1
  for (u32 i = 0; i < 4 && output + i < end; ++i) {
    if (half) {
      ((f16*)a.y)[to + i] = Rounded<f16>::from(v.x);
    } else {
      float* y = (float*)a.y + to + i;
      *y = add ? *y + v.x : v.x;
    }
    v = make_float4(v.y, v.z, v.w, 0.0f);
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
/// the sum depends on the number of chunks alone. `thread`: of the `threads` that call it.
template <u32 kRows>
GPU_FN void find_factors(const QuantGemmKernelArgs& a, u32 first_row, u32 rows, u32 thread,
                         u32 threads, float* factors) {
  const u32 lane = thread % kSquareLanes;
  for (u32 row = thread / kSquareLanes; row < kRows; row += threads / kSquareLanes) {
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

/// The usual function by itself, so that four numbers are on their way at once.
GPU_FN float4 activated(Function function, float4 v) {
  if (function == Function::kSilu) {
    return make_float4(v.x * sigmoid(v.x), v.y * sigmoid(v.y), v.z * sigmoid(v.z),
                       v.w * sigmoid(v.w));
  }
  // Of the others' instructions there is one copy.
#pragma unroll 1
  for (u32 i = 0; i < 4; ++i) v = make_float4(v.y, v.z, v.w, apply(function, v.x, 0.0f));
  return v;
}

/// Four sums of a row, times its factor, to where they belong: results `output` to `output` + 3, of
/// which those from `end` on are none. `up` are the sums that gates multiply, of gated products.
GPU_FN void put_sums(const QuantGemmKernelArgs& a, u32 row, u32 output, u32 end, float4 sums,
                     float4 up) {
  float4 result = add_bias(a, sums, output, end);
  if (a.pair_distance == 0) {
    if (a.y_codes) {
      put_sums_for_norm(a, row, output, result);
    } else {
      put_numbers(a, row, output, end, result);
    }
    return;
  }
  up = add_bias(a, up, output + a.pair_distance, end + a.pair_distance);
  const float4 gates = activated(a.activation, result);
  result = make_float4(gates.x * up.x, gates.y * up.y, gates.z * up.z, gates.w * up.w);
  put_numbers(a, row, output, end, result);
  if (a.y_codes) put_gated_codes(a, row, output, result);
}

}  // namespace saccade::compute::cuda
