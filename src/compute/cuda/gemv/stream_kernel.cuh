// The kernel of stream_gemv.h.
//
// One warp of a block keeps the stages of shared memory filled by bulk copies; a stage is a few
// whole rows of weights, array after array. In the others each lane owns a chunk of 32 inputs,
// whose codes it has in registers, and takes that chunk of one row after the other. Sixteen
// neighbouring lanes add up at once what they have of four rows; at the end the sums of a row's
// half warps are added in their order.
#pragma once

#include "compute/cuda/gemv/stream_fill.cuh"

namespace saccade::compute::cuda::stream {

/// One thread: the weights of the block, stage by stage.
__device__ inline void ask_for_weights(const StreamArgs& args, const BlockRows& rows, u32 shared,
                                       u32 ring) {
  const WeightView& w = args.gemv.weight;
  const u32 stages = args.plan.stages;
  const u32 full = shared + StreamMemory::kFull;
  const u32 empty = shared + StreamMemory::kEmpty;
  for (u32 i = 0; i < rows.all; ++i) {
    const u32 slot = i % stages;
    if (i >= stages) hopper::barrier_wait(empty + slot * 8, (i / stages - 1) & 1);
    // With more on the way inputs would come late, the next launch's and those of this one.
    if (i >= args.plan.ahead) {
      const u32 before = i - args.plan.ahead;
      hopper::barrier_wait(full + before % stages * 8, before / stages & 1);
    }
    const u32 second = i >= rows.stretches ? 1 : 0;
    const u32 first = (i - second * rows.stretches) * rows.step;
    const u32 count = rows.count - first < rows.step ? rows.count - first : rows.step;
    const u64 row = second * args.gemv.n + rows.first + first;
    const u32 barrier = full + slot * 8;
    hopper::barrier_arrive_expecting(barrier, static_cast<int>(count * args.planes.all()));
    u32 to = ring + slot * args.plan.stage_bytes;
    const auto copy = [&](const u8* plane, u32 bytes) {
      if (bytes == 0) return;
      hopper::copy_bytes(to, plane + row * bytes, count * bytes, barrier);
      to += rows.step * bytes;
    };
    copy(w.low, args.planes.low);
    copy(w.high, args.planes.high);
    copy(w.scales, args.planes.scales);
    copy(w.parts, args.planes.parts);
  }
}

template <u32 kWords>
__device__ __forceinline__ void read_words(u32* to, const u8* plane, u32 index) {
  if constexpr (kWords == 1) {
    to[0] = reinterpret_cast<const u32*>(plane)[index];
  } else if constexpr (kWords == 2) {
    const Words2 words = reinterpret_cast<const Words2*>(plane)[index];
    to[0] = words.x, to[1] = words.y;
  } else if constexpr (kWords == 4) {
    const Words4 words = reinterpret_cast<const Words4*>(plane)[index];
    to[0] = words.x, to[1] = words.y, to[2] = words.z, to[3] = words.w;
  }
}

/// The weights of a stage.
template <typename Product, CodeKind kCodes>
struct Stage {
  WeightView view;

  __device__ __forceinline__ Stage(const StreamArgs& args, const u8* at) : view(args.gemv.weight) {
    const u32 rows = args.plan.stage_rows;
    view.low = at;
    view.high = view.low + rows * args.planes.low;
    view.scales = view.high + rows * args.planes.high;
    view.parts = view.scales + rows * args.planes.scales;
  }

  __device__ __forceinline__ typename Product::Unit read(u32 row, u32 chunk) const {
    using P = Planes<kCodes>;
    typename Product::Unit unit;
    const u32 index = row * view.chunks + chunk;
    read_words<P::kLowWords>(unit.codes.words, view.low, index);
    read_words<P::kHighWords>(unit.codes.words + P::kLowWords, view.high, index);
    unit.scales.read(view, {row * view.chunks, row * view.groups}, chunk);
    return unit;
  }
};

/// The sum over sixteen lanes of sums[r], in lane 4 r.
__device__ __forceinline__ float sum_lanes(float (&sums)[kTeamRows], u32 lane) {
  constexpr u32 kAll = 0xffffffffu;
#pragma unroll
  for (u32 count = 2; count > 0; count /= 2) {
    const u32 mask = 4 * count;
    const bool upper = (lane & mask) != 0;
#pragma unroll
    for (u32 r = 0; r < count; ++r) {
      const float kept = upper ? sums[count + r] : sums[r];
      const float given = upper ? sums[r] : sums[count + r];
      sums[r] = kept + __shfl_xor_sync(kAll, given, mask);
    }
  }
  sums[0] += __shfl_xor_sync(kAll, sums[0], 2);
  return sums[0] + __shfl_xor_sync(kAll, sums[0], 1);
}

/// Multiplies the block's rows; `results` gets the sums of half warps, [half warps][rows of all
/// stretches]. Rows that a stretch does not have are multiplied like the others, and never read.
template <typename Product, CodeKind kCodes>
__device__ __forceinline__ void multiply(const StreamArgs& args, const BlockRows& rows, u32 shared,
                                         const u8* ring, const u8* x, float* results) {
  constexpr u32 kLanesOfRow = kHalfWarp / kTeamRows;
  const StreamPlan& plan = args.plan;
  const u32 lane = threadIdx.x % kHalfWarp;
  const u32 team = threadIdx.x / kHalfWarp / plan.half_warps;
  const u32 place = threadIdx.x / kHalfWarp % plan.half_warps;
  const u32 unit = place * kHalfWarp + lane;
  typename Product::X activations;
  activations.read(x, plan.half_warps * kHalfWarp, unit);
  // Beyond the row's end activations are zeros.
  const u32 chunk = unit < args.gemv.weight.chunks ? unit : args.gemv.weight.chunks - 1;
  // The last half warp may belong to no team.
  const bool works = team < plan.teams;
  const u32 first_row = works ? team : 0;
  const bool stores = works && lane % kLanesOfRow == 0;
  float* to = results + place * rows.all * rows.step + team + lane / kLanesOfRow * plan.teams;
  const u32 first_full = shared + StreamMemory::kFull;
  const u32 end = first_full + plan.stages * 8;
  u32 full = first_full;
  const u8* stage_at = ring;
  int parity = 0;
  for (u32 i = 0; i < rows.all; ++i) {
    const Stage<Product, kCodes> stage(args, stage_at);
    hopper::barrier_wait(full, parity);
    typename Product::Unit units[kTeamRows];
#pragma unroll
    for (u32 r = 0; r < kTeamRows; ++r) units[r] = stage.read(first_row + r * plan.teams, chunk);
    __syncwarp();
    if (threadIdx.x % kLanes == 0) {
      hopper::barrier_arrive(full + StreamMemory::kEmpty - StreamMemory::kFull);
    }
    float sums[kTeamRows];
#pragma unroll
    for (u32 r = 0; r < kTeamRows; ++r) {
      sums[r] = Product::multiply(args.gemv.weight, units[r], activations, 0.0f);
    }
    const float sum = sum_lanes(sums, lane);
    if (stores) *to = sum;
    to += rows.step;
    full += 8;
    stage_at += plan.stage_bytes;
    if (full == end) {
      full = first_full;
      stage_at = ring;
      parity ^= 1;
    }
  }
}

/// The sum of a row's half warps, in their order.
__device__ __forceinline__ float sum_places(const float* results, u32 stride, u32 places) {
  constexpr u32 kAtOnce = 8;
  float sum = 0.0f;
  for (u32 p = 0; p < places; p += kAtOnce) {
    float some[kAtOnce];
#pragma unroll
    for (u32 k = 0; k < kAtOnce; ++k) some[k] = p + k < places ? results[(p + k) * stride] : 0.0f;
#pragma unroll
    for (u32 k = 0; k < kAtOnce; ++k) sum += some[k];
  }
  return sum;
}

/// What comes after the sums, as in gemv.h. `beside` is what is added to this thread's first
/// result.
__device__ __forceinline__ void finish(const StreamArgs& args, const BlockRows& rows,
                                       const float* results, float factor, float beside) {
  const GemvArgs& gemv = args.gemv;
  const u32 stride = rows.all * rows.step;
  const u32 places = args.plan.half_warps;
  const u64 y_row = blockIdx.y * gemv.y_stride;
  for (u32 i = threadIdx.x; i < rows.count; i += args.plan.warps * kLanes) {
    const u32 row = rows.first + i;
    if (i != threadIdx.x) beside = gemv_beside(gemv, row, y_row + row);
    float value = sum_places(results + i, stride, places) * factor;
    if (gemv.gated) {
      float other = sum_places(results + rows.stretches * rows.step + i, stride, places) * factor;
      if (gemv.bias) {
        value += gemv.bias[row];
        other += gemv.bias[gemv.n + row];
      }
      value = apply(gemv.activation, value, 0.0f) * other;
    }
    gemv_store(gemv, y_row + row, value + beside);
  }
}

template <CodeKind kCodes, ScaleKind kScales, NumberKind kNumber>
__global__ void __launch_bounds__(kMaxThreads, 1)
    stream_gemv_kernel(const __grid_constant__ StreamArgs args) {
#ifdef SACCADE_SM90A
  using Product = IntegerProduct<kCodes, kScales, kNumber>;
  extern __shared__ __align__(128) u8 memory[];
  const StreamMemory places(args.plan, Product::kUnitBytes, args.gemv.gated);
  const u32 threads = args.plan.warps * kLanes;
  const u32 shared = ptx::shared_address(memory);
  ptx::allow_next_kernel();
  const BlockRows rows(args);
  if (threadIdx.x == threads) {
    for (u32 s = 0; s < args.plan.stages; ++s) {
      hopper::barrier_init(shared + StreamMemory::kFull + s * 8, 1);
      hopper::barrier_init(shared + StreamMemory::kEmpty + s * 8,
                           static_cast<int>(args.plan.workers));
    }
    hopper::barrier_init(shared + StreamMemory::kFilled, static_cast<int>(threads + 1));
    hopper::barrier_arrive_expecting(shared + StreamMemory::kFilled,
                                     static_cast<int>(sent_bytes<Product>(args.plan)));
    hopper::barrier_init_fence();
  }
  __syncthreads();
  // What is sent to the other block needs its barrier.
  if (args.plan.cluster > 1) ptx::cluster_arrive_relaxed();
  if (threadIdx.x >= threads) {
    if (threadIdx.x == threads) ask_for_weights(args, rows, shared, shared + places.ring);
    return;
  }
  if (args.plan.cluster > 1) ptx::cluster_wait();
  fill<Product>(args, memory);
  float beside = 0.0f;
  if (threadIdx.x < rows.count) {
    const u32 row = rows.first + threadIdx.x;
    beside = gemv_beside(args.gemv, row, blockIdx.y * args.gemv.y_stride + row);
  }
  float* results = reinterpret_cast<float*>(memory + places.results);
  hopper::barrier_wait(shared + StreamMemory::kFilled, 0);
  if (threadIdx.x / kLanes < args.plan.workers) {
    multiply<Product, kCodes>(args, rows, shared, memory + places.ring, memory + StreamMemory::kX,
                              results);
  }
  hopper::named_sync(1, static_cast<int>(threads));
  finish(args, rows, results, norm_factor(args, memory), beside);
#endif
}

}  // namespace saccade::compute::cuda::stream
