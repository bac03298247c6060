// The few instructions that CUDA C++ has no word for: asynchronous copies, matrix fragments, and
// launches that overlap. For all devices from 8.0 on; hopper.cuh has what 9.0 adds.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

namespace saccade::compute::cuda::ptx {

using F16 = __half;

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Copies 16 bytes to shared memory, `valid` of them (0 or 16) from memory and the rest zeros.
__device__ __forceinline__ void copy_async_16(std::uint32_t to, const void* from, int valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid)
               : "memory");
}

/// What Hopper's second cache is to do with memory that a step reads once: give it up first, before
/// what several launches read (hidden states, norms, tables, code). The policy that
/// `createpolicy.fractional.L2::evict_first` makes of all; as a constant it takes no registers.
constexpr std::uint64_t kReadOnce = 0x12f0000000000000;
/// And the one of memory that it is to treat as any other.
constexpr std::uint64_t kReadAgain = 0x1000000000000000;

__device__ __forceinline__ void copy_async_4(std::uint32_t to, const void* from, int valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(valid)
               : "memory");
}

__device__ __forceinline__ void copy_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most kPending of this thread's newest groups are on the way.
template <int kPending>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

__device__ __forceinline__ void load_matrices(std::uint32_t (&regs)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(regs[0]), "=r"(regs[1]), "=r"(regs[2]), "=r"(regs[3])
               : "r"(address)
               : "memory");
}

__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&regs)[4],
                                                         std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(regs[0]), "=r"(regs[1]), "=r"(regs[2]), "=r"(regs[3])
               : "r"(address)
               : "memory");
}

/// d[16, 8] += a[16, 16] * b[16, 8], as fragments.
__device__ __forceinline__ void multiply_add(float (&d)[4], const std::uint32_t (&a)[4],
                                             std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ float exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// Two f16, infinities as the largest numbers; not-a-numbers stay.
__device__ __forceinline__ std::uint32_t hold(std::uint32_t pair) {
  std::uint32_t held;
  asm("min.NaN.f16x2 %0, %1, %2;" : "=r"(held) : "r"(pair), "r"(0x7bff7bffu));
  asm("max.NaN.f16x2 %0, %0, %1;" : "+r"(held) : "r"(0xfbfffbffu));
  return held;
}

__device__ __forceinline__ void store_shared(std::uint32_t to, const uint4& value) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(value.x), "r"(value.y),
               "r"(value.z), "r"(value.w)
               : "memory");
}

/// Waits for the kernels that this one was allowed to overlap. Before the first read of anything
/// they may have written, and before the first write of anything they may read.
__device__ __forceinline__ void wait_for_previous_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the next kernel start its blocks where room is; it waits for this one's end by itself.
__device__ __forceinline__ void allow_next_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// All threads of a cluster that still run arrive, then wait: each sees what the others wrote
/// before they arrived, and nobody's shared memory is gone before.
__device__ __forceinline__ void cluster_arrive() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

/// The same without making writes visible: only that the block runs.
__device__ __forceinline__ void cluster_arrive_relaxed() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void cluster_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ std::uint32_t address_in_cluster(const void* pointer, int rank) {
  std::uint32_t address = shared_address(pointer);
#if __CUDA_ARCH__ >= 900
  asm("mapa.shared::cluster.u32 %0, %0, %1;" : "+r"(address) : "r"(rank));
#endif
  return address;
}

/// Writes to block `rank` of the cluster, where this one has `pointer` in shared memory.
__device__ __forceinline__ void store_to_cluster(float2* pointer, int rank, const float2& value) {
#if __CUDA_ARCH__ >= 900
  asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(address_in_cluster(pointer, rank)),
               "f"(value.x), "f"(value.y)
               : "memory");
#endif
}

__device__ __forceinline__ void store_to_cluster(float4* pointer, int rank, const float4& value) {
#if __CUDA_ARCH__ >= 900
  asm volatile(
      "st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(address_in_cluster(pointer, rank)),
      "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w)
      : "memory");
#endif
}

}  // namespace saccade::compute::cuda::ptx
