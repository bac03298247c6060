// What the products of quant_gemm_product.cuh need of PTX: asynchronous copies, matrix operands and
// products of integers.
#pragma once

#include "compute/cuda/attention/ptx.cuh"
#include "compute/cuda/quant_gemm/quant_gemm_kernel.h"

namespace saccade::compute::cuda {

template <u32 kBytes>
GPU_FN void copy_async(u32 to, const u8* from, bool valid) {
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
                 "r"(valid ? 16u : 0u));
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(to), "l"(from),
                 "r"(valid ? kBytes : 0u), "n"(kBytes));
  }
}
/// The same of weights, which nobody else reads in this step but blocks of other rows.
template <u32 kBytes>
GPU_FN void copy_weights_async(u32 to, const u8* from, bool valid) {
#if __CUDA_ARCH__ >= 900
  if constexpr (kBytes == 16) {
    const u64 policy = gridDim.y == 1 ? ptx::kReadOnce : ptx::kReadAgain;
    asm volatile(
        "cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2, %3;" ::"r"(to),
        "l"(from), "r"(valid ? 16u : 0u), "l"(policy));
    return;
  }
#endif
  copy_async<kBytes>(to, from, valid);
}
GPU_FN void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Waits until at most `pending` of this thread's groups of copies are on their way.
GPU_FN void wait_copies(u32 pending) {
  if (pending == 0) {
    asm volatile("cp.async.wait_group 0;" ::: "memory");
  } else if (pending == 1) {
    asm volatile("cp.async.wait_group 1;" ::: "memory");
  } else {
    asm volatile("cp.async.wait_group 2;" ::: "memory");
  }
}

GPU_FN void load_matrices(u32* to, u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}
GPU_FN u32 load_word(u32 address) {
  u32 word;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address) : "memory");
  return word;
}

/// Products of a chunk's codes, four results of each lane, as floats that are kMagic too large.
template <bool kSigned>
GPU_FN void multiply32(u32* d, const u32* a, u32 b0, u32 b1) {
  if (kSigned) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%10, %10, %10, %10};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(kMagicBits));
  } else {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%10, %10, %10, %10};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(kMagicBits));
  }
}
/// The same of half a chunk.
template <bool kSigned>
GPU_FN void multiply16(u32* d, u32 a0, u32 a1, u32 b) {
  if (kSigned) {
    asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%7, %7, %7, %7};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a0), "r"(a1), "r"(b), "r"(kMagicBits));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%7, %7, %7, %7};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a0), "r"(a1), "r"(b), "r"(kMagicBits));
  }
}

}  // namespace saccade::compute::cuda
