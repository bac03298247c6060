// What 9.0 devices add: barriers in shared memory that copies complete on, the tensor memory
// accelerator, and matrix products of a warpgroup (wgmma), whose operands lie in shared memory.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "compute/cuda/attention/ptx.cuh"

/// Device code of this file needs the target sm_90a; built for others, kernels are empty shells
/// that are never launched.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define SACCADE_SM90A 1
#endif

namespace saccade::compute::cuda::hopper {

__device__ __forceinline__ void barrier_init(std::uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/// Makes initialized barriers visible to copies.
__device__ __forceinline__ void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

__device__ __forceinline__ void barrier_arrive_expecting(std::uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

/// Waits until the phase with this parity has completed.
__device__ __forceinline__ void barrier_wait(std::uint32_t barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

/// Barrier `id` (1 to 15) of `threads` threads: waits for the others, or only reports its arrival.
__device__ __forceinline__ void named_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

__device__ __forceinline__ void named_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// Shared memory that this thread wrote may be read by wgmma, and by copies out of it, after the
/// next barrier.
__device__ __forceinline__ void fence_for_wgmma() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// A box of the map's matrix at (column, row) to shared memory; completes on `barrier`.
__device__ __forceinline__ void copy_box(std::uint32_t to, const CUtensorMap* map, int column,
                                         int row, std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4}], [%2];" ::"r"(to),
      "l"(map), "r"(barrier), "r"(column), "r"(row)
      : "memory");
}

/// copy_box to the blocks of the cluster that `blocks` has a bit for: to the same place in each,
/// completing on the same barrier of each.
__device__ __forceinline__ void copy_box_to_cluster(std::uint32_t to, const CUtensorMap* map,
                                                    int column, int row, std::uint32_t barrier,
                                                    std::uint16_t blocks) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to),
      "l"(map), "r"(barrier), "r"(column), "r"(row), "h"(blocks)
      : "memory");
}

/// Shared memory to a box of the map's matrix at (column, row); what is outside of the matrix is
/// left out. Part of the thread's group of copies that store_commit ends.
__device__ __forceinline__ void store_box(std::uint32_t from, const CUtensorMap* map, int column,
                                          int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
      "r"(from), "r"(column), "r"(row)
      : "memory");
}

__device__ __forceinline__ void store_commit() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

/// Waits until this thread's stores have read shared memory.
__device__ __forceinline__ void store_wait() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

/// Arrives at the barrier that block `rank` of the cluster has where this one has `barrier`. Says
/// nothing to the other block about memory: release at the cluster's scope is a fence that waits
/// for everything that is on its way.
__device__ __forceinline__ void barrier_arrive_in_cluster(std::uint32_t barrier, int rank) {
  asm volatile(
      "{\n"
      ".reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [there];\n"
      "}" ::"r"(barrier),
      "r"(rank)
      : "memory");
}

/// Four matrices of 8 by 8 f16, a row of each where a lane says: lanes 0 to 7 of the first, and so
/// on. A lane's registers hold two neighbours of row lane / 4.
__device__ __forceinline__ void store_matrices(std::uint32_t to, std::uint32_t a, std::uint32_t b,
                                               std::uint32_t c, std::uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a),
               "r"(b), "r"(c), "r"(d)
               : "memory");
}

__device__ __forceinline__ int rank_in_cluster() {
  std::uint32_t rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
}

template <int kRegisters>
__device__ __forceinline__ void give_registers() {
#ifdef SACCADE_SM90A
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

template <int kRegisters>
__device__ __forceinline__ void take_registers() {
#ifdef SACCADE_SM90A
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

/// Before the first wgmma after registers it uses were written otherwise.
__device__ __forceinline__ void wgmma_begin() {
#ifdef SACCADE_SM90A
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void wgmma_commit() {
#ifdef SACCADE_SM90A
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
#ifdef SACCADE_SM90A
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
#endif
}

/// Keeps the compiler from moving uses of accumulators over a wait.
template <int kTiles>
__device__ __forceinline__ void pin(float (&d)[kTiles][4]) {
#pragma unroll
  for (int i = 0; i < kTiles * 4; ++i) asm volatile("" : "+f"(d[i / 4][i % 4])::"memory");
}

// An accumulator tile d[n][4] as asm operands, and their numbers.
#define SACCADE_TILE(n) "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])
#define SACCADE_TILES_2(n) SACCADE_TILE(n), SACCADE_TILE(n + 1)
#define SACCADE_TILES_8(n) \
  SACCADE_TILES_2(n), SACCADE_TILES_2(n + 2), SACCADE_TILES_2(n + 4), SACCADE_TILES_2(n + 6)
#define SACCADE_NUMBERS_32                                                                     \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
  "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define SACCADE_NUMBERS_40 SACCADE_NUMBERS_32 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define SACCADE_NUMBERS_48 SACCADE_NUMBERS_40 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define SACCADE_NUMBERS_64 \
  SACCADE_NUMBERS_48       \
  ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define SACCADE_NUMBERS_96                                                                  \
  SACCADE_NUMBERS_64                                                                        \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, " \
  "%81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define SACCADE_NUMBERS_128                                                              \
  SACCADE_NUMBERS_96                                                                     \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, "   \
  "%110, %111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, " \
  "%124, %125, %126, %127"

// Both operands in shared memory, both with k contiguous. r0 to r2: numbers of the operands that
// follow the accumulators.
#define SACCADE_WGMMA_SHARED(n, numbers, r0, r1, r2, ...)                                    \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %" #r2                                  \
               ", 0;\n"                                                                      \
               "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.f16.f16 {" numbers "}, %" #r0 \
               ", %" #r1 ", add, 1, 1, 0, 0;\n}"                                             \
               : __VA_ARGS__                                                                 \
               : "l"(a), "l"(b), "r"(add))

// The first operand in registers, the second with n contiguous.
#define SACCADE_WGMMA_REGISTERS(n, numbers, r0, r1, r2, r3, r4, ...)                          \
  asm volatile("wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.f16.f16 {" numbers "}, {%" #r0 \
               ", %" #r1 ", %" #r2 ", %" #r3 "}, %" #r4 ", 1, 1, 1, 1;"                       \
               : __VA_ARGS__                                                                  \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

/// d[64, kTiles * 8] (+)= a[64, 16] * b[kTiles * 8, 16]^T; asynchronous.
template <int kTiles>
__device__ __forceinline__ void wgmma_shared(float (&d)[kTiles][4], std::uint64_t a,
                                             std::uint64_t b, int add) {
#ifdef SACCADE_SM90A
  static_assert(kTiles == 8 || kTiles == 16 || kTiles == 24);
  if constexpr (kTiles == 8) {
    SACCADE_WGMMA_SHARED(64, SACCADE_NUMBERS_32, 32, 33, 34, SACCADE_TILES_8(0));
  } else if constexpr (kTiles == 16) {
    SACCADE_WGMMA_SHARED(128, SACCADE_NUMBERS_64, 64, 65, 66, SACCADE_TILES_8(0),
                         SACCADE_TILES_8(8));
  } else {
    SACCADE_WGMMA_SHARED(192, SACCADE_NUMBERS_96, 96, 97, 98, SACCADE_TILES_8(0),
                         SACCADE_TILES_8(8), SACCADE_TILES_8(16));
  }
#endif
}

/// d[64, kTiles * 8] += a[64, 16] * b[16, kTiles * 8]; asynchronous.
template <int kTiles>
__device__ __forceinline__ void wgmma_registers(float (&d)[kTiles][4], const std::uint32_t (&a)[4],
                                                std::uint64_t b) {
#ifdef SACCADE_SM90A
  static_assert(kTiles == 8 || kTiles == 10 || kTiles == 12 || kTiles == 16 || kTiles == 32);
  if constexpr (kTiles == 8) {
    SACCADE_WGMMA_REGISTERS(64, SACCADE_NUMBERS_32, 32, 33, 34, 35, 36, SACCADE_TILES_8(0));
  } else if constexpr (kTiles == 10) {
    SACCADE_WGMMA_REGISTERS(80, SACCADE_NUMBERS_40, 40, 41, 42, 43, 44, SACCADE_TILES_8(0),
                            SACCADE_TILES_2(8));
  } else if constexpr (kTiles == 12) {
    SACCADE_WGMMA_REGISTERS(96, SACCADE_NUMBERS_48, 48, 49, 50, 51, 52, SACCADE_TILES_8(0),
                            SACCADE_TILES_2(8), SACCADE_TILES_2(10));
  } else if constexpr (kTiles == 16) {
    SACCADE_WGMMA_REGISTERS(128, SACCADE_NUMBERS_64, 64, 65, 66, 67, 68, SACCADE_TILES_8(0),
                            SACCADE_TILES_8(8));
  } else {
    SACCADE_WGMMA_REGISTERS(256, SACCADE_NUMBERS_128, 128, 129, 130, 131, 132, SACCADE_TILES_8(0),
                            SACCADE_TILES_8(8), SACCADE_TILES_8(16), SACCADE_TILES_8(24));
  }
#endif
}

#undef SACCADE_TILE
#undef SACCADE_TILES_2
#undef SACCADE_TILES_8
#undef SACCADE_NUMBERS_32
#undef SACCADE_NUMBERS_40
#undef SACCADE_NUMBERS_48
#undef SACCADE_NUMBERS_64
#undef SACCADE_NUMBERS_96
#undef SACCADE_NUMBERS_128
#undef SACCADE_WGMMA_SHARED
#undef SACCADE_WGMMA_REGISTERS

/// A matrix [kRows, kColumns] of f16 in shared memory as copy_box leaves it and wgmma reads it:
/// parts of 64 columns after each other (the last one may hold columns that nobody reads), each
/// [kRows][64] with the 16-byte chunks of a row swizzled over eight rows.
template <int kRows, int kColumns>
struct PartedTile {
  static constexpr int kParts = (kColumns + 63) / 64;
  static constexpr int kRowBytes = 128;
  static constexpr int kPartBytes = kRows * kRowBytes;
  static constexpr int kBytes = kParts * kPartBytes;

  /// Bytes to 16-byte chunk `chunk` of the whole row `row`.
  static __device__ __forceinline__ std::uint32_t offset(int row, int chunk) {
    return chunk / 8 * kPartBytes + row * kRowBytes + ((chunk ^ row) & 7) * 16;
  }

  /// Matrix descriptor of what starts at `address`. `leading`: bytes between parts, where n runs
  /// over columns. Eight rows are one pattern of the swizzle.
  static __device__ __forceinline__ std::uint64_t descriptor(std::uint32_t address, int leading) {
    constexpr std::uint64_t kSwizzle128 = 1;
    return static_cast<std::uint64_t>((address & 0x3ffff) >> 4) |
           static_cast<std::uint64_t>(leading >> 4) << 16 |
           static_cast<std::uint64_t>(8 * kRowBytes >> 4) << 32 | kSwizzle128 << 62;
  }

  /// Columns [16 * step, 16 * step + 16) of all rows, as an operand with k along the columns.
  static __device__ __forceinline__ std::uint64_t along_columns(std::uint32_t tile, int step) {
    return descriptor(tile + step / 4 * kPartBytes + step % 4 * 32, 16);
  }

  /// Rows [16 * step, 16 * step + 16) of all columns, as an operand with k along the rows.
  static __device__ __forceinline__ std::uint64_t along_rows(std::uint32_t tile, int step) {
    return descriptor(tile + step * 16 * kRowBytes, kPartBytes);
  }

  /// Copies 64 rows that begin at (column, row) of the map's matrix to rows `first` and on.
  static __device__ __forceinline__ void copy_64_rows(std::uint32_t tile, int first,
                                                      const CUtensorMap* map, int column, int row,
                                                      std::uint32_t barrier) {
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      copy_box(tile + part * kPartBytes + first * kRowBytes, map, column + part * 64, row, barrier);
    }
  }
};

}  // namespace saccade::compute::cuda::hopper
