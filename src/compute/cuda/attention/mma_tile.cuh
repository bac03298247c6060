// Attention of a tile of rows by mma.sync, after FlashAttention-2 (Dao, 2023): each warp owns rows,
// keys and values pass through shared memory in blocks of 64. Works from compute capability 8.0 on.
#pragma once

#include "compute/cuda/attention/work.cuh"

namespace saccade::compute::cuda {

/// Rows of f16 in shared memory, arranged so that eight rows of 16-byte chunks in one column lie
/// in different banks: swizzled where rows are multiples of 128 bytes, else by padding.
template <int kHeadDim>
struct RowTile {
  static constexpr bool kSwizzled = kHeadDim % 64 == 0;
  static constexpr int kStride = kSwizzled ? kHeadDim : kHeadDim + 8;  // elements
  static constexpr int kChunks = kHeadDim / 8;

  /// Bytes from the tile's begin to chunk `chunk` (of 8 elements) of row `row`.
  static __device__ __forceinline__ std::uint32_t offset(int row, int chunk) {
    if constexpr (kSwizzled) chunk ^= row & 7;
    return static_cast<std::uint32_t>(row * kStride + chunk * 8) * 2;
  }
};

/// Copies 8 elements of a row 2 at a time, with zeros past head_dim and in rows that are not there.
__device__ __forceinline__ void copy_chunk_narrow(std::uint32_t to, const F16* row, int column,
                                                  int head_dim, bool present) {
#pragma unroll 1
  for (int i = 0; i < 8; i += 2) {
    const bool valid = present && column + i < head_dim;
    ptx::copy_async_4(to + i * 2, valid ? row + column + i : row, valid ? 4 : 0);
  }
}

/// Copies kRows rows that begin at `first`, with zeros past head_dim and from row num_rows on.
/// `wide`: rows are 16-byte aligned and head_dim is a multiple of 8. `thread`: of kThreads.
template <class Layout, int kRows, int kThreads>
__device__ __forceinline__ void copy_rows(std::uint32_t to, const F16* first, int stride,
                                          int num_rows, int head_dim, bool wide, int thread) {
  if (wide) {
#pragma unroll 4
    for (int i = 0; i < kRows * Layout::kChunks / kThreads; ++i) {
      const int index = i * kThreads + thread;
      const int row = index / Layout::kChunks;
      const int column = index % Layout::kChunks * 8;
      const bool valid = row < num_rows && column < head_dim;
      ptx::copy_async_16(to + Layout::offset(row, column / 8), first + row * stride + column,
                         valid ? 16 : 0);
    }
    return;
  }
  // Rolled up: nothing important takes this way, and the loops around it should fit the
  // instruction cache.
#pragma unroll 1
  for (int index = thread; index < kRows * Layout::kChunks; index += kThreads) {
    const int row = index / Layout::kChunks;
    const int chunk = index % Layout::kChunks;
    const bool present = row < num_rows;
    copy_chunk_narrow(to + Layout::offset(row, chunk), first + (present ? row * stride : 0),
                      chunk * 8, head_dim, present);
  }
}

/// kHeadDim: padded to a multiple of 16. kRowTiles: tiles of 16 rows of each of the 4 warps.
template <int kHeadDim, int kRowTiles>
struct MmaTile {
  using Layout = RowTile<kHeadDim>;
  static constexpr int kThreads = 128;
  static constexpr int kRows = 64 * kRowTiles;
  static constexpr int kKeys = kPageTokens;
  static constexpr int kSharedBytes = (kRows + 2 * kKeys) * Layout::kStride * 2;
  static constexpr int kScoreTiles = kKeys / 8;
  static constexpr int kOutTiles = kHeadDim / 8;

  float out[kRowTiles][kOutTiles][4] = {};
  RunningSoftmax softmax[kRowTiles];

  static __device__ __forceinline__ void load_block(std::uint32_t to, const RowBlock& block,
                                                    int num_rows, int head_dim, bool wide) {
    copy_rows<Layout, kKeys, kThreads>(to, block.first, static_cast<int>(block.stride), num_rows,
                                       head_dim, wide, threadIdx.x);
  }

  template <class Work>
  static __device__ __forceinline__ void load_queries(std::uint32_t to, const Work& work,
                                                      int head_dim, bool wide) {
#pragma unroll 1
    for (int index = threadIdx.x; index < kRows * Layout::kChunks; index += kThreads) {
      const int row = index / Layout::kChunks;
      const int chunk = index % Layout::kChunks;
      const bool present = work.has_row(row);
      const F16* from = work.query(present ? row : 0);
      const std::uint32_t at = to + Layout::offset(row, chunk);
      if (wide) {
        const bool valid = present && chunk * 8 < head_dim;
        ptx::copy_async_16(at, valid ? from + chunk * 8 : from, valid ? 16 : 0);
      } else {
        copy_chunk_narrow(at, from, chunk * 8, head_dim, present);
      }
    }
  }

  __device__ __forceinline__ void multiply_keys(float (&scores)[kRowTiles][kScoreTiles][4],
                                                std::uint32_t queries, std::uint32_t keys) {
    const int lane = threadIdx.x % 32;
    const int query_row = threadIdx.x / 32 * 16 * kRowTiles + lane % 16;
    const int key_row = lane / 16 * 8 + lane % 8;
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      std::uint32_t a[kRowTiles][4];
#pragma unroll
      for (int tile = 0; tile < kRowTiles; ++tile) {
        ptx::load_matrices(a[tile],
                           queries + Layout::offset(query_row + tile * 16, step * 2 + lane / 16));
      }
#pragma unroll
      for (int pair = 0; pair < kScoreTiles / 2; ++pair) {
        std::uint32_t b[4];
        ptx::load_matrices(b, keys + Layout::offset(key_row + pair * 16, step * 2 + lane / 8 % 2));
#pragma unroll
        for (int tile = 0; tile < kRowTiles; ++tile) {
          ptx::multiply_add(scores[tile][2 * pair], a[tile], b[0], b[1]);
          ptx::multiply_add(scores[tile][2 * pair + 1], a[tile], b[2], b[3]);
        }
      }
    }
  }

  __device__ __forceinline__ void multiply_values(const float (&weights)[kRowTiles][kScoreTiles][4],
                                                  std::uint32_t values) {
    const int lane = threadIdx.x % 32;
    const int value_row = lane % 16;
#pragma unroll
    for (int step = 0; step < kKeys / 16; ++step) {
      std::uint32_t a[kRowTiles][4];
#pragma unroll
      for (int tile = 0; tile < kRowTiles; ++tile) {
        const auto& w = weights[tile];
        a[tile][0] = ptx::pack(w[2 * step][0], w[2 * step][1]);
        a[tile][1] = ptx::pack(w[2 * step][2], w[2 * step][3]);
        a[tile][2] = ptx::pack(w[2 * step + 1][0], w[2 * step + 1][1]);
        a[tile][3] = ptx::pack(w[2 * step + 1][2], w[2 * step + 1][3]);
      }
#pragma unroll
      for (int pair = 0; pair < kOutTiles / 2; ++pair) {
        std::uint32_t b[4];
        ptx::load_matrices_transposed(
            b, values + Layout::offset(value_row + step * 16, pair * 2 + lane / 16));
#pragma unroll
        for (int tile = 0; tile < kRowTiles; ++tile) {
          ptx::multiply_add(out[tile][2 * pair], a[tile], b[0], b[1]);
          ptx::multiply_add(out[tile][2 * pair + 1], a[tile], b[2], b[3]);
        }
      }
    }
  }

  template <class Work>
  __device__ __forceinline__ void store(const Work& work, int head_dim) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int tile = 0; tile < kRowTiles; ++tile) {
      softmax[tile].finish();
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = threadIdx.x / 32 * 16 * kRowTiles + tile * 16 + half * 8 + lane / 4;
        if (!work.has_row(row)) continue;
        const float inverse = softmax[tile].inverse(half);
        F16* to = work.out(row);
#pragma unroll
        for (int i = 0; i < kOutTiles; ++i) {
          const int column = i * 8 + lane % 4 * 2;
          if (column >= head_dim) continue;
          const float* pair = &out[tile][i][2 * half];
          *reinterpret_cast<std::uint32_t*>(to + column) =
              ptx::pack(__fmul_rn(pair[0], inverse), __fmul_rn(pair[1], inverse));
        }
      }
    }
  }

  /// The whole tile. Key blocks start at multiples of 64 and are taken in rising order, so a row's
  /// bits do not depend on the tile it is in. While scores are computed, values are on their way,
  /// and the next keys during the softmax and the product with values.
  template <class Work>
  __device__ __forceinline__ void run(const Work& work, const ScoreMap& map, int head_dim,
                                      bool wide, std::uint32_t shared) {
    const std::uint32_t queries = shared;
    const std::uint32_t keys = queries + kRows * Layout::kStride * 2;
    const std::uint32_t values = keys + kKeys * Layout::kStride * 2;
    const int lane = threadIdx.x % 32;
    const int warp_row = threadIdx.x / 32 * 16 * kRowTiles;
    KeyRange ranges[kRowTiles][2];
#pragma unroll
    for (int i = 0; i < kRowTiles * 2; ++i) {
      ranges[i / 2][i % 2] = work.keys_of(warp_row + i * 8 + lane / 4);
    }
    const bool warp_works = work.has_row(warp_row);
    const int first_block = work.all.begin / kKeys;
    const int end_block = (work.all.end + kKeys - 1) / kKeys;
    load_queries(queries, work, head_dim, wide);
    load_block(keys, work.keys(first_block), work.all.end - first_block * kKeys, head_dim, wide);
    ptx::copy_commit();
    for (int block = first_block; block < end_block; ++block) {
      const int first_key = block * kKeys;
      ptx::copy_wait<0>();
      __syncthreads();
      load_block(values, work.values(block), work.all.end - first_key, head_dim, wide);
      ptx::copy_commit();
      float scores[kRowTiles][kScoreTiles][4] = {};
      if (warp_works) multiply_keys(scores, queries, keys);
      ptx::copy_wait<0>();
      __syncthreads();
      if (block + 1 < end_block) {
        load_block(keys, work.keys(block + 1), work.all.end - first_key - kKeys, head_dim, wide);
        ptx::copy_commit();
      }
      if (!warp_works) continue;
      const bool masked = first_key < work.every.begin || first_key + kKeys > work.every.end;
#pragma unroll
      for (int tile = 0; tile < kRowTiles; ++tile) {
        if (map.to_cap != 0.0f) cap_scores(scores[tile], map.to_cap);
        if (masked) {
          mask_scores(scores[tile], first_key + lane % 4 * 2, ranges[tile][0], ranges[tile][1]);
        }
        float factor[2];
        softmax[tile].update(scores[tile], map.to_log2, factor);
#pragma unroll
        for (int i = 0; i < kOutTiles; ++i) {
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            out[tile][i][j] = __fmul_rn(out[tile][i][j], factor[j / 2]);
          }
        }
      }
      multiply_values(scores, values);
    }
    ptx::allow_next_kernel();
    store(work, head_dim);
  }
};

}  // namespace saccade::compute::cuda
