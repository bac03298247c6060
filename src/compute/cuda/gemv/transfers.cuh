// Copies to shared memory that complete on a barrier there.
#pragma once

#include "compute/cuda/attention/hopper.cuh"

namespace saccade::compute::cuda::hopper {

/// `bytes`, a multiple of 16, from memory; completes on `barrier`.
__device__ __forceinline__ void copy_bytes(std::uint32_t to, const void* from, std::uint32_t bytes,
                                           std::uint32_t barrier) {
#ifdef SACCADE_SM90A
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(to),
      "l"(from), "r"(bytes), "r"(barrier)
      : "memory");
#endif
}

/// A box of the map's array at (x, y, z) to shared memory; completes on `barrier`.
__device__ __forceinline__ void copy_box(std::uint32_t to, const CUtensorMap* map, int x, int y,
                                         int z, std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4, %5}], [%2];" ::"r"(to),
      "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z)
      : "memory");
}

/// The same of an array that is read once.
__device__ __forceinline__ void copy_box_once(std::uint32_t to, const CUtensorMap* map, int x,
                                              int y, int z, std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(to),
      "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "l"(ptx::kReadOnce)
      : "memory");
}

/// Writes to the shared memory of a block of the cluster (ptx::address_in_cluster); completes on
/// `barrier` there.
__device__ __forceinline__ void send(std::uint32_t to, std::uint32_t word, std::uint32_t barrier) {
#ifdef SACCADE_SM90A
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], %1, [%2];" ::"r"(to),
      "r"(word), "r"(barrier)
      : "memory");
#endif
}
__device__ __forceinline__ void send(std::uint32_t to, std::uint32_t first, std::uint32_t second,
                                     std::uint32_t barrier) {
#ifdef SACCADE_SM90A
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.u32 [%0], {%1, %2}, [%3];" ::"r"(
          to),
      "r"(first), "r"(second), "r"(barrier)
      : "memory");
#endif
}
__device__ __forceinline__ void send(std::uint32_t to, const float4& four, std::uint32_t barrier) {
#ifdef SACCADE_SM90A
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, "
      "[%5];" ::"r"(to),
      "f"(four.x), "f"(four.y), "f"(four.z), "f"(four.w), "r"(barrier)
      : "memory");
#endif
}

}  // namespace saccade::compute::cuda::hopper
