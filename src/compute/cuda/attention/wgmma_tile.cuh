// Attention of 128 rows by wgmma, after FlashAttention-3 (Shah et al., 2024): one warpgroup copies
// keys and values, two others own 64 rows each. While one of them is busy with its softmax, the
// other has the tensor cores, and each lets the product with the next keys run while it finishes
// the product with the last values.
#pragma once

#include "compute/cuda/attention/hopper.cuh"
#include "compute/cuda/attention/mma_tile.cuh"
#include "compute/cuda/attention/work.cuh"

namespace saccade::compute::cuda {

template <int kHeadDim, bool kCapped>
struct WgmmaTile {
  static constexpr int kConsumers = 2;
  static constexpr int kThreads = (kConsumers + 1) * 128;
  static constexpr int kRows = kConsumers * 64;
  static constexpr int kKeys = kHeadDim <= 128 ? 128 : 64;
  static constexpr int kStages = 2;
  using Queries = hopper::PartedTile<64, kHeadDim>;
  using Keys = hopper::PartedTile<kKeys, kHeadDim>;
  static constexpr int kScoreTiles = kKeys / 8;
  static constexpr int kOutTiles = kHeadDim / 8;
  static constexpr int kBarriers = 4 * kStages;
  /// 1024 more than the tiles need: the begin is rounded up to the pattern of the swizzle.
  static constexpr int kSharedBytes =
      1024 + kConsumers * Queries::kBytes + 2 * kStages * Keys::kBytes + kBarriers * 8;

  // Named barriers; 0 is __syncthreads'.
  static constexpr int kTurnBarrier = 1;
  static constexpr int kGroupBarrier = 1 + kConsumers;

  std::uint32_t shared;  ///< queries of each consumer, stages of keys, stages of values, barriers

  __device__ __forceinline__ explicit WgmmaTile(void* memory)
      : shared((ptx::shared_address(memory) + 1023) / 1024 * 1024) {}

  __device__ __forceinline__ std::uint32_t queries(int consumer) const {
    return shared + consumer * Queries::kBytes;
  }
  __device__ __forceinline__ std::uint32_t keys(int stage) const {
    return queries(kConsumers) + stage * Keys::kBytes;
  }
  __device__ __forceinline__ std::uint32_t values(int stage) const {
    return keys(kStages) + stage * Keys::kBytes;
  }
  __device__ __forceinline__ std::uint32_t barrier(int index) const {
    return values(kStages) + index * 8;
  }
  __device__ __forceinline__ std::uint32_t keys_full(int stage) const { return barrier(stage); }
  __device__ __forceinline__ std::uint32_t values_full(int stage) const {
    return barrier(kStages + stage);
  }
  __device__ __forceinline__ std::uint32_t keys_empty(int stage) const {
    return barrier(2 * kStages + stage);
  }
  __device__ __forceinline__ std::uint32_t values_empty(int stage) const {
    return barrier(3 * kStages + stage);
  }

  /// By all threads, before anything else. `consumers`: warpgroups that have rows.
  __device__ __forceinline__ void init_barriers(int consumers) const {
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < kStages; ++stage) {
        hopper::barrier_init(keys_full(stage), 1);
        hopper::barrier_init(values_full(stage), 1);
        hopper::barrier_init(keys_empty(stage), consumers * 4);
        hopper::barrier_init(values_empty(stage), consumers * 4);
      }
      hopper::barrier_init_fence();
    }
    __syncthreads();
  }

  /// Tiles of keys are taken from the last to the first, so that masks come first.
  struct TileRange {
    int last;
    int count;
  };
  template <class Work>
  static __device__ __forceinline__ TileRange tiles_of(const Work& work) {
    const int last = (work.all.end - 1) / kKeys;
    return {last, last - work.all.begin / kKeys + 1};
  }

  /// The warp is done with a stage of keys or values.
  static __device__ __forceinline__ void release(std::uint32_t barrier) {
    __syncwarp();
    if (threadIdx.x % 32 == 0) hopper::barrier_arrive(barrier);
  }

  template <class Work>
  __device__ __forceinline__ void load_queries(const Work& work, int consumer, int head_dim) const {
    const int thread = threadIdx.x % 128;
#pragma unroll 4
    for (int index = thread; index < 64 * kHeadDim / 8; index += 128) {
      const int row = index / (kHeadDim / 8);
      const int chunk = index % (kHeadDim / 8);
      uint4 value = make_uint4(0, 0, 0, 0);
      if (chunk * 8 < head_dim && work.has_row(consumer * 64 + row)) {
        value = *reinterpret_cast<const uint4*>(work.query(consumer * 64 + row) + chunk * 8);
      }
      asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(queries(consumer) +
                                                                    Queries::offset(row, chunk)),
                   "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w)
                   : "memory");
    }
    hopper::fence_for_wgmma();
    hopper::named_sync(kGroupBarrier + consumer, 128);
  }

  /// Behind the last key is anything, NaN too, which zero weights would not silence. Both consumers
  /// write the same zeros, each before it reads them.
  __device__ __forceinline__ void clear_values(int stage, int first_row, int consumer) const {
    constexpr int kRowChunks = kHeadDim / 8;
    const int thread = threadIdx.x % 128;
    for (int index = first_row * kRowChunks + thread; index < kKeys * kRowChunks; index += 128) {
      const std::uint32_t at = values(stage) + Keys::offset(index / kRowChunks, index % kRowChunks);
      asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(at), "r"(0) : "memory");
    }
    hopper::fence_for_wgmma();
    hopper::named_sync(kGroupBarrier + consumer, 128);
  }

  __device__ __forceinline__ void issue_scores(float (&scores)[kScoreTiles][4], int consumer,
                                               int stage) const {
    hopper::wgmma_begin();
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      hopper::wgmma_shared(scores, Queries::along_columns(queries(consumer), step),
                           Keys::along_columns(keys(stage), step), step > 0);
    }
    hopper::wgmma_commit();
  }

  __device__ __forceinline__ void issue_values(float (&out)[kOutTiles][4],
                                               const std::uint32_t (&weights)[kKeys / 16][4],
                                               int stage) const {
    hopper::wgmma_begin();
#pragma unroll
    for (int step = 0; step < kKeys / 16; ++step) {
      hopper::wgmma_registers(out, weights[step], Keys::along_rows(values(stage), step));
    }
    hopper::wgmma_commit();
  }

  static __device__ __forceinline__ void pack_weights(std::uint32_t (&weights)[kKeys / 16][4],
                                                      const float (&scores)[kScoreTiles][4]) {
#pragma unroll
    for (int step = 0; step < kKeys / 16; ++step) {
      const auto& left = scores[2 * step];
      const auto& right = scores[2 * step + 1];
      weights[step][0] = ptx::pack(left[0], left[1]);
      weights[step][1] = ptx::pack(left[2], left[3]);
      weights[step][2] = ptx::pack(right[0], right[1]);
      weights[step][3] = ptx::pack(right[2], right[3]);
    }
  }

  /// What a consumer warpgroup does.
  /// `alone`: the other consumer has no rows and has left.
  template <class Work>
  __device__ __forceinline__ void consume(const Work& work, const ScoreMap& map, int head_dim,
                                          int consumer, bool alone) const {
    const int lane = threadIdx.x % 32;
    const int row = consumer * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4;
    const KeyRange upper = work.keys_of(row);
    const KeyRange lower = work.keys_of(row + 8);
    const TileRange tiles = tiles_of(work);
    float scores[kScoreTiles][4];
    float out[kOutTiles][4] = {};
    std::uint32_t weights[kKeys / 16][4];
    RunningSoftmax softmax;
    float factor[2];
    const auto weigh = [&](int tile) {
      const int first_key = tile * kKeys;
      if constexpr (kCapped) cap_scores(scores, map.to_cap);
      if (first_key < work.every.begin || first_key + kKeys > work.every.end) {
        mask_scores(scores, first_key + lane % 4 * 2, upper, lower);
      }
      softmax.update(scores, map.to_log2, factor);
    };

    load_queries(work, consumer, head_dim);
    hopper::barrier_wait(keys_full(0), 0);
    issue_scores(scores, consumer, 0);
    hopper::wgmma_wait<0>();
    hopper::pin(scores);
    release(keys_empty(0));
    weigh(tiles.last);
    pack_weights(weights, scores);
    if ((tiles.last + 1) * kKeys > work.all.end) {
      hopper::barrier_wait(values_full(0), 0);
      clear_values(0, work.all.end - tiles.last * kKeys, consumer);
    }
    // Turns: consumer 0 begins, and each passes the tensor cores on once its products are issued.
    if (consumer == 1 && tiles.count > 1) hopper::named_arrive(kTurnBarrier, 256);
    int stage = 0;
    int parity = 0;
    for (int i = 1; i < tiles.count; ++i) {
      const int last_stage = stage;
      const int last_parity = parity;
      stage ^= 1;
      parity ^= stage == 0;
      hopper::barrier_wait(keys_full(stage), parity);
      if (!alone) hopper::named_sync(kTurnBarrier + consumer, 256);
      issue_scores(scores, consumer, stage);
      hopper::barrier_wait(values_full(last_stage), last_parity);
      issue_values(out, weights, last_stage);
      if (!alone && (consumer == 0 || i + 1 < tiles.count)) {
        hopper::named_arrive(kTurnBarrier + (consumer ^ 1), 256);
      }
      hopper::wgmma_wait<1>();
      hopper::pin(scores);
      release(keys_empty(stage));
      weigh(tiles.last - i);
      hopper::wgmma_wait<0>();
      hopper::pin(out);
      release(values_empty(last_stage));
#pragma unroll
      for (int j = 0; j < kOutTiles * 4; ++j) out[j / 4][j % 4] *= factor[j % 4 / 2];
      pack_weights(weights, scores);
    }
    hopper::barrier_wait(values_full(stage), parity);
    issue_values(out, weights, stage);
    softmax.finish();
    hopper::wgmma_wait<0>();
    hopper::pin(out);
    ptx::allow_next_kernel();
    store(work, out, softmax, row, head_dim);
  }

  template <class Work>
  static __device__ __forceinline__ void store(const Work& work, const float (&out)[kOutTiles][4],
                                               const RunningSoftmax& softmax, int first_row,
                                               int head_dim) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row + half * 8;
      if (!work.has_row(row)) continue;
      const float inverse = softmax.inverse(half);
      F16* to = work.out(row);
#pragma unroll
      for (int i = 0; i < kOutTiles; ++i) {
        const int column = i * 8 + threadIdx.x % 4 * 2;
        if (column >= head_dim) continue;
        *reinterpret_cast<std::uint32_t*>(to + column) =
            ptx::pack(out[i][2 * half] * inverse, out[i][2 * half + 1] * inverse);
      }
    }
  }

  /// Calls keys(tile, stage) and values(tile, stage) in the order in which consumers want them,
  /// each when its stage is free.
  template <class LoadKeys, class LoadValues>
  __device__ __forceinline__ void produce(const TileRange& tiles, LoadKeys load_keys,
                                          LoadValues load_values) const {
    for (int i = 0; i <= tiles.count; ++i) {
      if (i < tiles.count) {
        const int stage = i % kStages;
        if (i >= kStages) hopper::barrier_wait(keys_empty(stage), (i / kStages + 1) % 2);
        load_keys(tiles.last - i, stage);
      }
      if (i > 0) {
        const int stage = (i - 1) % kStages;
        if (i > kStages) hopper::barrier_wait(values_empty(stage), ((i - 1) / kStages + 1) % 2);
        load_values(tiles.last - i + 1, stage);
      }
    }
  }
};

}  // namespace saccade::compute::cuda
