// Inputs as int8 in shared memory, in the places that gpu/kernels/gemv_products.h gives them. The
// two blocks of a cluster quantize a half each and send it to the other's shared memory.
#pragma once

#include "compute/cuda/gemv/stream_memory.cuh"
#include "compute/cuda/gemv/transfers.cuh"

namespace saccade::compute::cuda::stream {

/// What the other block of a cluster sends, in bytes.
template <typename Product>
__device__ __forceinline__ u32 sent_bytes(const StreamPlan& plan) {
  if (plan.cluster == 1) return 0;
  return plan.half_warps * kHalfWarp / kMaxCluster * Product::kUnitBytes + plan.warps * 4;
}

/// Quantizes this block's share of the inputs; returns this thread's share of the sum of their
/// squares. kAhead reads of a thread are on their way at a time.
template <typename Product, RowKind kKind, u32 kAhead>
__device__ __forceinline__ float quantize_share(const StreamArgs& args, u8* memory) {
  const GemvArgs& gemv = args.gemv;
  const u64 first = blockIdx.y * gemv.x_stride * (gemv.x_type == NumberType::kF32 ? 4 : 2);
  const RowReader<kKind> reader = {static_cast<const u8*>(gemv.x) + first, gemv.norm_weight,
                                   gemv.weight.input_order, gemv.x_type, gemv.weight.inputs};
  const u32 threads = args.plan.warps * kLanes;
  const u32 cluster = args.plan.cluster;
  const u32 units = args.plan.half_warps * kHalfWarp;
  const u32 share = units * kChunkLanes / cluster;
  const u32 begin = share * (blockIdx.x % cluster);
  u8* x = memory + StreamMemory::kX;
  const int other = static_cast<int>(blockIdx.x % cluster ^ 1);
  const u32 there = cluster > 1 ? ptx::address_in_cluster(memory, other) : 0;
  // No launch writes the norm's weights.
  typename RowReader<kKind>::NormWeights norm = reader.read_norm((begin + threadIdx.x) * kColumns);
  ptx::wait_for_previous_kernels();
  float squares = 0.0f;
  for (u32 from = threadIdx.x; from < share; from += kAhead * threads) {
    typename RowReader<kKind>::Raw raw[kAhead];
#pragma unroll
    for (u32 k = 0; k < kAhead; ++k) {
      const u32 i = from + k * threads;
      raw[k] = reader.read(i < share ? (begin + i) * kColumns : gemv.weight.inputs);
    }
#pragma unroll
    for (u32 k = 0; k < kAhead; ++k) {
      // All of them go through the shuffles, and so without branches, side by side.
      const u32 i = from + k * threads;
      const u32 item = begin + i;
      float values[kColumns];
      reader.unpack(raw[k], values);
      if (gemv.norm_weight) {
        if (i != threadIdx.x) {
          norm = reader.read_norm(i < share ? item * kColumns : gemv.weight.inputs);
        }
#pragma unroll
        for (u32 c = 0; c < kColumns; ++c) {
          squares = fused(values[c], values[c], squares);
          values[c] *= as_float(norm.words[c]);
        }
      }
      const QuantizedColumns columns = quantize_columns(values, Group{});
      if (i >= share) continue;
      Product::store(x, units, item, columns);
      if (cluster == 1) continue;
      const u32 barrier = there + StreamMemory::kFilled;
      hopper::send(there + StreamMemory::kX + Product::codes_at(units, item), columns.codes.x,
                   columns.codes.y, barrier);
      if (item % kChunkLanes == 0) {
        const Words2 beside = Product::beside(columns);
        hopper::send(there + StreamMemory::kX + Product::beside_at(units, item / kChunkLanes),
                     beside.x, beside.y, barrier);
      }
    }
  }
  return squares;
}

template <typename Product>
__device__ __forceinline__ float quantize_share(const StreamArgs& args, u8* memory) {
  const GemvArgs& gemv = args.gemv;
  switch (row_kind(gemv.weight.input_order, gemv.x_stride, gemv.weight.inputs, gemv.x_type)) {
    case RowKind::kAny:
      return quantize_share<Product, RowKind::kAny, 1>(args, memory);
    case RowKind::kFloats:
      return quantize_share<Product, RowKind::kFloats, 1>(args, memory);
    case RowKind::kPairs: {
      // Long rows are the inner ones, of f16.
      const u32 share = args.plan.half_warps * kHalfWarp * kChunkLanes / args.plan.cluster;
      if (share > 2 * args.plan.warps * kLanes) {
        return quantize_share<Product, RowKind::kPairs, 4>(args, memory);
      }
      return quantize_share<Product, RowKind::kPairs, 2>(args, memory);
    }
  }
  return 0.0f;
}

/// Waits for the launches before and fills shared memory with the inputs; they are there when
/// barrier kFilled completes.
template <typename Product>
__device__ __forceinline__ void fill(const StreamArgs& args, u8* memory) {
  float square = quantize_share<Product>(args, memory);
  if (args.gemv.norm_weight) square = warp_sum(square, Group{});
  const u32 rank = blockIdx.x % args.plan.cluster;
  if (threadIdx.x % kLanes == 0) {
    const u32 at = StreamMemory::kSquares + (rank * args.plan.warps + threadIdx.x / kLanes) * 4;
    *reinterpret_cast<float*>(memory + at) = square;
    if (args.plan.cluster > 1) {
      const u32 there = ptx::address_in_cluster(memory, static_cast<int>(rank ^ 1));
      hopper::send(there + at, as_bits(square), there + StreamMemory::kFilled);
    }
  }
  // Every lane, since compute-sanitizer's racecheck (CUDA 13.0) counts what each thread arrives at.
  hopper::barrier_arrive(ptx::shared_address(memory) + StreamMemory::kFilled);
}

/// The norm's factor of the row, in every lane; 1 where there is no norm.
__device__ __forceinline__ float norm_factor(const StreamArgs& args, const u8* memory) {
  if (!args.gemv.norm_weight) return 1.0f;
  const auto* squares = reinterpret_cast<const float*>(memory + StreamMemory::kSquares);
  float sum = 0.0f;
  for (u32 i = threadIdx.x % kLanes; i < args.plan.cluster * args.plan.warps; i += kLanes) {
    sum += squares[i];
  }
  sum = warp_sum(sum, Group{});
  return inverse_square_root(quotient(sum, static_cast<float>(args.gemv.weight.inputs)) +
                             args.gemv.eps);
}

}  // namespace saccade::compute::cuda::stream
