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
  GPU_FN u32 thread() const { return threadIdx.x; }
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
GPU_FN u16 float_to_bfloat(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
/// Two of them in a word, `low` in its low half.
GPU_FN u32 float_to_bfloat_pair(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return u32(__bfloat16_as_ushort(pair.x)) | u32(__bfloat16_as_ushort(pair.y)) << 16;
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
/// Adds to memory that other groups add to as well; returns what was there.
GPU_FN u32 atomic_add(GPU_GLOBAL u32* at, u32 value) {
  return atomicAdd(at, value);
}
/// What this thread wrote to device memory is seen before what it writes afterwards.
GPU_FN void memory_fence() {
  __threadfence();
}

}  // namespace gpu
}  // namespace saccade
