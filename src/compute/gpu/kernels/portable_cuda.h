// What portable.h needs of CUDA.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define GPU_FN __device__ __forceinline__
#define GPU_FN_ANYWHERE __host__ __device__ __forceinline__
#define GPU_GLOBAL
#define GPU_CONSTANT const
#define GPU_SHARED
#define GPU_THREAD
#define GPU_CONSTEXPR constexpr
#define GPU_UNROLL _Pragma("unroll")

namespace saccade {
namespace gpu {

using i8 = signed char;
using i32 = int;
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long;

/// Four words: what one thread reads at once.
struct alignas(16) Words4 {
  u32 x, y, z, w;
};
struct alignas(8) Words2 {
  u32 x, y;
};

/// Where a thread stands in its group, and what the group's threads do together.
struct Group {
  GPU_FN u32 thread_index() const { return threadIdx.x; }
  GPU_FN u32 threads() const { return blockDim.x; }
  GPU_FN u32 lane() const { return threadIdx.x % 32; }
  GPU_FN u32 warp() const { return threadIdx.x / 32; }
  GPU_FN u32 warps() const { return (blockDim.x + 31) / 32; }
  GPU_FN u32 x() const { return blockIdx.x; }
  GPU_FN u32 y() const { return blockIdx.y; }
  GPU_FN u32 z() const { return blockIdx.z; }
  GPU_FN u32 groups_x() const { return gridDim.x; }

  /// Waits for all threads of the group; what they wrote to shared memory is seen then.
  GPU_FN void barrier() const { __syncthreads(); }
  /// The same for the lanes of a warp.
  GPU_FN void warp_barrier() const { __syncwarp(); }
  GPU_FN float shuffle_xor(float value, u32 mask) const {
    return __shfl_xor_sync(0xffffffffu, value, mask);
  }
  GPU_FN u32 shuffle_xor(u32 value, u32 mask) const {
    return __shfl_xor_sync(0xffffffffu, value, mask);
  }
  GPU_FN float shuffle(float value, u32 lane) const {
    return __shfl_sync(0xffffffffu, value, lane);
  }
  GPU_FN u32 shuffle(u32 value, u32 lane) const { return __shfl_sync(0xffffffffu, value, lane); }

  /// Comes before the first use of what an earlier launch wrote. A device may start a kernel while
  /// the one before it ends; what does not depend on that one, such as weights, can be read before.
  GPU_FN void wait_for_inputs() const {
#if __CUDA_ARCH__ >= 900
    cudaGridDependencySynchronize();
#endif
  }
  /// Lets the next launch begin early.
  GPU_FN void allow_next() const {
#if __CUDA_ARCH__ >= 900
    cudaTriggerProgrammaticLaunchCompletion();
#endif
  }
};

GPU_FN float as_float(u32 bits) {
  return __uint_as_float(bits);
}
GPU_FN u32 as_bits(float value) {
  return __float_as_uint(value);
}
GPU_FN float half_to_float(u16 bits) {
  return __half2float(__ushort_as_half(bits));
}
GPU_FN u16 float_to_half(float value) {
  return __half_as_ushort(__float2half_rn(value));
}
/// Two of them in a word, `low` in its low half.
GPU_FN u32 float_to_half_pair(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return u32(__half_as_ushort(pair.x)) | u32(__half_as_ushort(pair.y)) << 16;
}
/// Two f16 in a word, infinities as the largest numbers; not-a-numbers stay.
GPU_FN u32 held_halves(u32 pair) {
  u32 held;
  asm("min.NaN.f16x2 %0, %1, %2;" : "=r"(held) : "r"(pair), "r"(0x7bff7bffu));
  asm("max.NaN.f16x2 %0, %0, %1;" : "+r"(held) : "r"(0xfbfffbffu));
  return held;
}
GPU_FN u64 address_of(GPU_GLOBAL const void* pointer) {
  return u64(pointer);
}

GPU_FN float max_of(float a, float b) {
  return fmaxf(a, b);
}
GPU_FN float min_of(float a, float b) {
  return fminf(a, b);
}
GPU_FN float exponential(float x) {
  return __expf(x);
}
GPU_FN float logarithm(float x) {
  return logf(x);
}
GPU_FN float tangent_hyperbolic(float x) {
  return tanhf(x);
}
GPU_FN float square_root(float x) {
  return sqrtf(x);
}
/// 1 / sqrt(x) to two units in the last place.
GPU_FN float inverse_square_root(float x) {
  return rsqrtf(x);
}
GPU_FN float cosine(float x) {
  return cosf(x);
}
GPU_FN float sine(float x) {
  return sinf(x);
}
GPU_FN float absolute(float x) {
  return fabsf(x);
}
/// a / b within a few roundings, b at most 2^126 or infinite.
GPU_FN float quotient(float a, float b) {
  return __fdividef(a, b);
}
/// a b + c with one rounding.
GPU_FN float fused(float a, float b, float c) {
  return fmaf(a, b, c);
}
/// The nearest integer, ties to even.
GPU_FN i32 nearest(float x) {
  return __float2int_rn(x);
}

/// c + the sum of the products of four signed bytes each.
GPU_FN i32 dot4(u32 a, u32 b, i32 c) {
  return __dp4a(i32(a), i32(b), c);
}
/// The same with unsigned bytes in a.
GPU_FN i32 dot4_unsigned(u32 a, u32 b, i32 c) {
  i32 sum;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
  return sum;
}
/// The entries of a table of sixteen bytes that the eight nibbles of `packed` choose: the low
/// nibble of each byte, and the high one.
struct NibbleBytes {
  u32 low, high;
};
GPU_FN u32 choose_bytes(u32 a, u32 b, u32 selector) {
  u32 bytes;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(a), "r"(b), "r"(selector));
  return bytes;
}
GPU_FN NibbleBytes lookup_nibbles(GPU_CONSTANT u32* table, u32 packed) {
  // A permutation chooses among eight bytes; a second one between both halves of the table.
  const u32 index = packed & 0x77777777u;
  const u32 half = ((packed >> 1) & 0x44444444u) | 0x32103210u;
  const u32 first = choose_bytes(choose_bytes(table[0], table[1], index),
                                 choose_bytes(table[2], table[3], index), half);
  const u32 second = choose_bytes(choose_bytes(table[0], table[1], index >> 16),
                                  choose_bytes(table[2], table[3], index >> 16), half >> 16);
  return {choose_bytes(first, second, 0x6420u), choose_bytes(first, second, 0x7531u)};
}

/// The lowest bytes of four words, a's lowest.
GPU_FN u32 pack_bytes(u32 a, u32 b, u32 c, u32 d) {
  return choose_bytes(choose_bytes(a, b, 0x0040u), choose_bytes(c, d, 0x0040u), 0x5410u);
}

// Products and sums that are rounded once each, never fused.
GPU_FN float rounded_product(float a, float b) {
  return __fmul_rn(a, b);
}
GPU_FN float rounded_sum(float a, float b) {
  return __fadd_rn(a, b);
}

// Reads of constant data that this launch needs only once: they need not stay in a cache. They keep
// their place among each other and before waits.
GPU_FN Words4 read_once(GPU_GLOBAL const Words4* from) {
  Words4 to;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(to.x), "=r"(to.y), "=r"(to.z), "=r"(to.w)
               : "l"(from));
  return to;
}
GPU_FN Words2 read_once(GPU_GLOBAL const Words2* from) {
  Words2 to;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v2.u32 {%0, %1}, [%2];"
               : "=r"(to.x), "=r"(to.y)
               : "l"(from));
  return to;
}
GPU_FN u32 read_once(GPU_GLOBAL const u32* from) {
  u32 to;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.u32 %0, [%1];" : "=r"(to) : "l"(from));
  return to;
}
/// Reads of constant data that neighbours read as well.
template <typename T>
GPU_FN T read_kept(GPU_GLOBAL const T* from) {
  return *from;
}

/// Adds to memory that other groups add to as well; returns what was there.
GPU_FN u32 atomic_add(GPU_GLOBAL u32* at, u32 value) {
  return atomicAdd(at, value);
}
/// The same in shared memory.
GPU_FN u32 atomic_add_shared(GPU_SHARED u32* at, u32 value) {
  return atomicAdd(at, value);
}
/// What this thread wrote to device memory is seen before what it writes afterwards.
GPU_FN void memory_fence() {
  __threadfence();
}

}  // namespace gpu
}  // namespace saccade
