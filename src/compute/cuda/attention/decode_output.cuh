// What becomes of the sums of decoding: f16, and the same once more as int8 codes, which the
// product that follows takes instead of quantizing them in a launch of its own.
#pragma once

#include "compute/cuda/attention/decode_tile.cuh"

namespace saccade::compute::cuda {

/// Four columns of each of eight neighbouring lanes as a chunk of 32 codes: the same bits as
/// quantize_rows (gpu/kernels/quantize.h) makes of the f16 in `pairs`. All eight lanes call it.
__device__ __forceinline__ void store_codes(const CodedRows& to, std::int64_t row, int column,
                                            uint2 pairs) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned mask = 0xffu << (lane & 24u);
  const float2 low = __half22float2(*reinterpret_cast<const __half2*>(&pairs.x));
  const float2 high = __half22float2(*reinterpret_cast<const __half2*>(&pairs.y));
  const float values[4] = {low.x, low.y, high.x, high.y};
  float largest = 0.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) largest = fmaxf(largest, fabsf(values[i]));
#pragma unroll
  for (int step = 1; step < 8; step *= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(mask, largest, step));
  }
  const float inverse = largest > 1e-30f ? __fdividef(127.0f, largest) : 0.0f;
  unsigned codes = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    // Beside 1.5 * 2^23, a float has no room for fractions: the sum's lowest byte is the code.
    const unsigned code = __float_as_uint(__fmaf_rn(values[i], inverse, 12582912.0f)) & 0xffu;
    codes |= code << (8 * i);
  }
  int sum = __dp4a(static_cast<int>(codes), 0x01010101, 0);
  sum += __shfl_xor_sync(mask, sum, 1);
  sum += __shfl_xor_sync(mask, sum, 2);
  const int second = __shfl_xor_sync(mask, sum, 4);
  const std::int64_t chunk = row * to.chunks_of_row + column / 32;
  static_cast<unsigned*>(to.codes)[chunk * 8 + column % 32 / 4] = codes;
  if (lane % 8 != 0) return;
  const unsigned sums = (static_cast<unsigned>(sum) & 0xffffu) | static_cast<unsigned>(second)
                                                                     << 16;
  static_cast<uint2*>(to.chunks)[chunk] =
      make_uint2(__float_as_uint(largest * (1.0f / 127.0f)), sums);
}

/// Of a group's outputs for a token: columns `column` to `column` + 3 of one of its heads.
struct DecodeOutput {
  const DecodeArgs& args;
  std::int64_t row;
  int first_head;

  __device__ __forceinline__ void operator()(int head, int column, const float4& value,
                                             float sum) const {
    const int head_dim = args.shape.head_dim;
    const int first = (first_head + head) * head_dim;
    const float inverse = sum > 0.0f ? __fdividef(1.0f, sum) : 0.0f;
    const uint2 pairs = make_uint2(ptx::pack(value.x * inverse, value.y * inverse),
                                   ptx::pack(value.z * inverse, value.w * inverse));
    auto* to = reinterpret_cast<std::uint32_t*>(static_cast<F16*>(args.out) +
                                                row * args.out_stride + first + column);
    if (column < head_dim) to[0] = pairs.x;
    if (column + 2 < head_dim) to[1] = pairs.y;
    if (args.coded.codes != nullptr) store_codes(args.coded, row, first + column, pairs);
  }
};

}  // namespace saccade::compute::cuda
