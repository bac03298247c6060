// Decoding of tokens whose keys and values are not in their pages yet: the block that has the end
// of a sequence turns and stores them, and every block turns its queries. That spares a launch.
#pragma once

#include "compute/cuda/attention/decode_tile.cuh"

namespace saccade::compute::cuda {

/// Heads whose halves are whole matrix fragments.
template <int kHeadDim>
constexpr bool kTakesFresh = kHeadDim % 32 == 0;

/// Turns the pair (a, b) as rotary.h does, in the same roundings.
__device__ __forceinline__ void turn_pair(float& a, float& b, float cosine, float sine) {
  const float first = __fmaf_rn(a, cosine, -__fmul_rn(b, sine));
  b = __fmaf_rn(b, cosine, __fmul_rn(a, sine));
  a = first;
}

/// Two numbers as they are read: infinities as the largest.
__device__ __forceinline__ float2 unpack_held(std::uint32_t pair) {
  pair = ptx::hold(pair);
  return __half22float2(*reinterpret_cast<const __half2*>(&pair));
}

/// Turns fragments of queries [16, kHeadDim] (DecodeTile::queries); columns i and i + kHeadDim / 2
/// are in the same thread. cosines, sines: [kHeadDim / 2], of the token.
template <int kHeadDim>
__device__ __forceinline__ void turn_queries(std::uint32_t (&queries)[kHeadDim / 16][4],
                                             const float* cosines, const float* sines) {
  constexpr int kHalf = kHeadDim / 32;
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int step = 0; step < kHalf; ++step) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int column = step * 16 + i / 2 * 8 + lane % 4 * 2;
      const float2 c = *reinterpret_cast<const float2*>(cosines + column);
      const float2 s = *reinterpret_cast<const float2*>(sines + column);
      float2 a = unpack_held(queries[step][i]);
      float2 b = unpack_held(queries[step + kHalf][i]);
      turn_pair(a.x, b.x, c.x, s.x);
      turn_pair(a.y, b.y, c.y, s.y);
      queries[step][i] = ptx::hold(ptx::pack(a.x, a.y));
      queries[step + kHalf][i] = ptx::hold(ptx::pack(b.x, b.y));
    }
  }
}

/// By one warp: the token's key, turned, and its value to `rows` [2, kHeadDim] in shared memory
/// and, where `pages`, to their place in the pages.
template <int kHeadDim>
__device__ __forceinline__ void store_fresh(const DecodeArgs& args, const DeviceSpan& span,
                                            int kv_head, bool pages, F16* rows) {
  constexpr int kHalf = kHeadDim / 2;
  const FreshTokens& fresh = args.fresh;
  const std::int64_t from = span.row * fresh.stride + kv_head * kHeadDim;
  const auto* keys = static_cast<const std::uint16_t*>(fresh.keys) + from;
  const auto* values = static_cast<const std::uint16_t*>(fresh.values) + from;
  const std::int64_t angles = span.row * fresh.table_stride;
  const std::int64_t page = args.kv.page_ids[span.first_page + span.start / kPageTokens];
  const std::int64_t to =
      ((page * args.shape.num_kv_heads + kv_head) * kPageTokens + span.start % kPageTokens) *
      kHeadDim;
#pragma unroll
  for (int i = threadIdx.x % 32; i < kHalf; i += 32) {
    const auto put = [&](F16* row, std::uint32_t pair) {
      row[i] = __ushort_as_half(static_cast<unsigned short>(pair));
      row[i + kHalf] = __ushort_as_half(static_cast<unsigned short>(pair >> 16));
    };
    float2 key = unpack_held(keys[i] | std::uint32_t{keys[i + kHalf]} << 16);
    turn_pair(key.x, key.y, fresh.cosines[angles + i], fresh.sines[angles + i]);
    const std::uint32_t turned = ptx::hold(ptx::pack(key.x, key.y));
    const std::uint32_t value = ptx::hold(values[i] | std::uint32_t{values[i + kHalf]} << 16);
    put(rows, turned);
    put(rows + kHeadDim, value);
    if (!pages) continue;
    put(static_cast<F16*>(fresh.page_keys) + to, turned);
    put(static_cast<F16*>(fresh.page_values) + to, value);
  }
  __syncwarp();
}

}  // namespace saccade::compute::cuda
