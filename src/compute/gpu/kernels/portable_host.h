// What portable.h needs of a host compiler: the threads of a group are fibers that take turns
// (gpu/host/executor.h). With SACCADE_GPU_ADDRESS_SPACES, clang gives each kind of memory an
// address space of its own, which only parses: that is the check that Metal would make.
#pragma once

#include <cmath>
#include <cstring>

#if !defined(SACCADE_GPU_ADDRESS_SPACES)
#include "tensor/dtype.h"
#endif

#define GPU_FN inline
#define GPU_FN_ANYWHERE inline
#if defined(SACCADE_GPU_ADDRESS_SPACES)
#define GPU_GLOBAL __attribute__((address_space(1)))
#define GPU_CONSTANT const __attribute__((address_space(2)))
#define GPU_SHARED __attribute__((address_space(3)))
#define GPU_CONSTEXPR constexpr __attribute__((address_space(2)))
#else
#define GPU_GLOBAL
#define GPU_CONSTANT const
#define GPU_SHARED
#define GPU_CONSTEXPR constexpr
#endif
#define GPU_THREAD
#define GPU_UNROLL

namespace saccade {
namespace gpu {

using i8 = signed char;
using i32 = int;
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long;

#if defined(SACCADE_GPU_ADDRESS_SPACES)
typedef u32 Words4 __attribute__((ext_vector_type(4)));
typedef u32 Words2 __attribute__((ext_vector_type(2)));
#else
struct alignas(16) Words4 {
  u32 x, y, z, w;
};
struct alignas(8) Words2 {
  u32 x, y;
};
#endif

/// Where a group stands in its grid.
struct HostGroup {
  u32 x, y, z;
  u32 groups_x;
  u32 threads;
};

struct Group {
  HostGroup* host;
  u32 index;  ///< of the thread in its group

  u32 thread_index() const { return index; }
  u32 threads() const { return host->threads; }
  u32 lane() const { return index % 32; }
  u32 warp() const { return index / 32; }
  u32 warps() const { return (host->threads + 31) / 32; }
  u32 x() const { return host->x; }
  u32 y() const { return host->y; }
  u32 z() const { return host->z; }
  u32 groups_x() const { return host->groups_x; }

  void barrier() const;
  void warp_barrier() const { shuffle(0u, lane()); }
  u32 shuffle(u32 value, u32 source_lane) const;
  u32 shuffle_xor(u32 value, u32 mask) const { return shuffle(value, lane() ^ mask); }
  inline float shuffle(float value, u32 source_lane) const;
  float shuffle_xor(float value, u32 mask) const { return shuffle(value, lane() ^ mask); }

  void wait_for_inputs() const {}
  void allow_next() const {}
};

GPU_FN float as_float(u32 bits) {
  float value = 0.0f;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
GPU_FN u32 as_bits(float value) {
  u32 bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float Group::shuffle(float value, u32 source_lane) const {
  return as_float(shuffle(as_bits(value), source_lane));
}

#if defined(SACCADE_GPU_ADDRESS_SPACES)
float half_to_float(u16 bits);
u16 float_to_half(float value);
#else
GPU_FN float half_to_float(u16 bits) {
  return f16_to_f32(bits);
}
GPU_FN u16 float_to_half(float value) {
  return f32_to_f16(value);
}
#endif
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
  return std::fmax(a, b);
}
GPU_FN float min_of(float a, float b) {
  return std::fmin(a, b);
}
GPU_FN float exponential(float x) {
  return std::exp(x);
}
GPU_FN float logarithm(float x) {
  return std::log(x);
}
GPU_FN float tangent_hyperbolic(float x) {
  return std::tanh(x);
}
GPU_FN float square_root(float x) {
  return std::sqrt(x);
}
GPU_FN float inverse_square_root(float x) {
  return 1.0f / std::sqrt(x);
}
GPU_FN float cosine(float x) {
  return std::cos(x);
}
GPU_FN float sine(float x) {
  return std::sin(x);
}
GPU_FN float absolute(float x) {
  return std::fabs(x);
}
GPU_FN float quotient(float a, float b) {
  return a / b;
}
GPU_FN float fused(float a, float b, float c) {
  return std::fma(a, b, c);
}
GPU_FN i32 nearest(float x) {
  return static_cast<i32>(std::nearbyint(x));
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

GPU_FN u32 pack_bytes(u32 a, u32 b, u32 c, u32 d) {
  return (a & 0xffu) | (b & 0xffu) << 8 | (c & 0xffu) << 16 | d << 24;
}

GPU_FN float rounded_product(float a, float b) {
  return a * b;
}
GPU_FN float rounded_sum(float a, float b) {
  return a + b;
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
  return __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
}
GPU_FN u32 atomic_add_shared(GPU_SHARED u32* at, u32 value) {
  const u32 before = *at;
  *at = before + value;
  return before;
}
GPU_FN void memory_fence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // namespace gpu
}  // namespace saccade

#if defined(SACCADE_GPU_ADDRESS_SPACES)
// Words that kernels do without, and names that mean something else to Metal.
#pragma GCC poison double goto virtual throw try catch new delete typeid dynamic_cast thread_local
#pragma GCC poison std asm mutable friend volatile
#pragma GCC poison thread half device constant kernel threadgroup vertex fragment
#endif
