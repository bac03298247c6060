// What portable.h needs of Metal. Never compiled yet: written from the Metal Shading Language
// specification (version 3.2), for a compiler that runs on macOS alone. What the host can check of
// the kernels, cmake/metal_parse_check.cmake does.
//
// A kernel of the table becomes an entry point as in
//
//   kernel void rms_norm_f32_f32_entry(constant RmsNormArgs& args [[buffer(0)]],
//                                      threadgroup uchar* shared [[threadgroup(0)]],
//                                      uint3 place [[threadgroup_position_in_grid]],
//                                      uint3 groups [[threadgroups_per_grid]],
//                                      uint thread [[thread_index_in_threadgroup]],
//                                      uint3 threads [[threads_per_threadgroup]]) {
//     rms_norm<float, float>(args, shared, Group{place, groups.x, thread, threads.x});
//   }
//
// Arguments hold addresses (MTLBuffer.gpuAddress), whose buffers are made resident.
#pragma once

#include <metal_stdlib>

#define GPU_FN inline
#define GPU_FN_ANYWHERE inline
#define GPU_GLOBAL device
#define GPU_CONSTANT constant
#define GPU_SHARED threadgroup
#define GPU_THREAD thread
#define GPU_CONSTEXPR constant constexpr
#define GPU_UNROLL _Pragma("unroll")

namespace saccade {
namespace gpu {

using i8 = char;
using i32 = int;
using u8 = uchar;
using u16 = ushort;
using u32 = uint;
using u64 = ulong;
typedef uint4 Words4;
typedef uint2 Words2;

struct Group {
  uint3 place;
  u32 groups;
  u32 index;
  u32 count;

  u32 thread_index() const { return index; }
  u32 threads() const { return count; }
  u32 lane() const { return index % 32; }
  u32 warp() const { return index / 32; }
  u32 warps() const { return (count + 31) / 32; }
  u32 x() const { return place.x; }
  u32 y() const { return place.y; }
  u32 z() const { return place.z; }
  u32 groups_x() const { return groups; }

  void barrier() const {
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup | metal::mem_flags::mem_device);
  }
  void warp_barrier() const { metal::simdgroup_barrier(metal::mem_flags::mem_threadgroup); }
  u32 shuffle(u32 value, u32 source_lane) const {
    return metal::simd_shuffle(value, ushort(source_lane));
  }
  float shuffle(float value, u32 source_lane) const {
    return metal::simd_shuffle(value, ushort(source_lane));
  }
  u32 shuffle_xor(u32 value, u32 mask) const {
    return metal::simd_shuffle_xor(value, ushort(mask));
  }
  float shuffle_xor(float value, u32 mask) const {
    return metal::simd_shuffle_xor(value, ushort(mask));
  }

  // Launches of one encoder see each other's results.
  void wait_for_inputs() const {}
  void allow_next() const {}
};

GPU_FN float as_float(u32 bits) {
  return as_type<float>(bits);
}
GPU_FN u32 as_bits(float value) {
  return as_type<u32>(value);
}
GPU_FN float half_to_float(u16 bits) {
  return float(as_type<half>(bits));
}
GPU_FN u16 float_to_half(float value) {
  return as_type<u16>(half(value));
}
GPU_FN u32 float_to_half_pair(float low, float high) {
  return u32(float_to_half(low)) | u32(float_to_half(high)) << 16;
}
GPU_FN u32 held_halves(u32 pair) {
  const u32 low = (pair & 0x7fffu) == 0x7c00u ? 1u : 0u;
  const u32 high = (pair & 0x7fff0000u) == 0x7c000000u ? 0x10000u : 0u;
  return pair - low - high;
}
GPU_FN u64 address_of(GPU_GLOBAL const void* pointer) {
  return u64(pointer);
}

GPU_FN float max_of(float a, float b) {
  return metal::fmax(a, b);
}
GPU_FN float min_of(float a, float b) {
  return metal::fmin(a, b);
}
GPU_FN float exponential(float x) {
  return metal::exp(x);
}
GPU_FN float logarithm(float x) {
  return metal::precise::log(x);
}
GPU_FN float tangent_hyperbolic(float x) {
  return metal::precise::tanh(x);
}
GPU_FN float inverse_square_root(float x) {
  return metal::rsqrt(x);
}
GPU_FN float square_root(float x) {
  return metal::precise::sqrt(x);
}
GPU_FN float cosine(float x) {
  return metal::precise::cos(x);
}
GPU_FN float sine(float x) {
  return metal::precise::sin(x);
}
GPU_FN float absolute(float x) {
  return metal::fabs(x);
}
GPU_FN float quotient(float a, float b) {
  return metal::fast::divide(a, b);
}
GPU_FN float fused(float a, float b, float c) {
  return metal::fma(a, b, c);
}
GPU_FN i32 nearest(float x) {
  return i32(metal::rint(x));
}
GPU_FN u32 pack_bytes(u32 a, u32 b, u32 c, u32 d) {
  return (a & 0xffu) | (b & 0xffu) << 8 | (c & 0xffu) << 16 | d << 24;
}
// Compiled without fast math: products and sums written as such may still be fused.
GPU_FN float rounded_product(float a, float b) {
  return metal::fma(a, b, -0.0f);
}
GPU_FN float rounded_sum(float a, float b) {
  return metal::fma(a, 1.0f, b);
}

GPU_FN i32 dot4(u32 a, u32 b, i32 c) {
  for (u32 i = 0; i < 4; ++i) {
    c += i32(i8(a >> (8 * i))) * i32(i8(b >> (8 * i)));
  }
  return c;
}
GPU_FN i32 dot4_unsigned(u32 a, u32 b, i32 c) {
  for (u32 i = 0; i < 4; ++i) {
    c += i32((a >> (8 * i)) & 0xffu) * i32(i8(b >> (8 * i)));
  }
  return c;
}
struct NibbleBytes {
  u32 low, high;
};
GPU_FN NibbleBytes lookup_nibbles(GPU_CONSTANT u32* table, u32 packed) {
  NibbleBytes bytes = {0, 0};
  for (u32 i = 0; i < 4; ++i) {
    const u32 low = (packed >> (8 * i)) & 15u;
    const u32 high = (packed >> (8 * i + 4)) & 15u;
    bytes.low |= ((table[low / 4] >> (low % 4 * 8)) & 0xffu) << (8 * i);
    bytes.high |= ((table[high / 4] >> (high % 4 * 8)) & 0xffu) << (8 * i);
  }
  return bytes;
}

template <typename T>
GPU_FN T read_once(GPU_GLOBAL const T* from) {
  return *from;
}
template <typename T>
GPU_FN T read_kept(GPU_GLOBAL const T* from) {
  return *from;
}

GPU_FN u32 atomic_add(GPU_GLOBAL u32* at, u32 value) {
  return metal::atomic_fetch_add_explicit((GPU_GLOBAL metal::atomic_uint*)at, value,
                                          metal::memory_order_relaxed);
}
GPU_FN u32 atomic_add_shared(GPU_SHARED u32* at, u32 value) {
  return metal::atomic_fetch_add_explicit((GPU_SHARED metal::atomic_uint*)at, value,
                                          metal::memory_order_relaxed);
}
// From version 3.2 of the language on.
GPU_FN void memory_fence() {
  metal::atomic_thread_fence(metal::mem_flags::mem_device, metal::memory_order_seq_cst,
                             metal::thread_scope_device);
}

}  // namespace gpu
}  // namespace saccade
