// What the parts of the kernel of stream_gemm.h agree about: its arguments, which outputs and
// inputs a block has, and what lies where in shared memory.
#pragma once

#include "compute/cuda/attention/hopper.cuh"
#include "compute/cuda/quant_gemm/quant_gemm_kernel.h"

namespace saccade::compute::cuda::streamed {

/// Chunks of inputs of a warp, which takes them as a whole; in bytes of a weight row.
constexpr u32 kOctChunks = 8;
constexpr u32 kOctCodes = kOctChunks * 16;
constexpr u32 kOctScales = 16;
/// Of activations, for which there is room.
constexpr u32 kRows = 16;
/// Rows of weights of a tile, and of a stage: 16 results, or 8 gates and the 8 that these multiply.
constexpr u32 kTileRows = 8;
constexpr u32 kStageRows = 2 * kTileRows;
constexpr u32 kMaxStages = 8;
constexpr u32 kMaxBuffers = 8;
/// Of a block: those that multiply, one that adds up, and one that asks for weights.
constexpr u32 kMaxWorkers = 14;
constexpr u32 kMaxThreads = (kMaxWorkers + 2) * kLanes;
/// Results of a row that are finished together: a chunk of the next product's inputs.
constexpr u32 kGroupResults = kChunk;

/// How a launch cuts its work.
struct Plan {
  u32 cluster_shift;  ///< blocks of a cluster are 1 << this: 1 or 2
  u32 shares_inputs;  ///< see StreamGemmCut
  u32 octs;           ///< of a weight row
  u32 gated;          ///< a stage's second half are rows that gates multiply
  u32 units, extra;   ///< of outputs, of a cluster; one more in the first `extra`
  u32 unit_stages;    ///< stages of a unit
  u32 all_stages;     ///< of all clusters
  u32 depth;          ///< warps along the inputs
  u32 teams;          ///< of so many warps, which take stages in turn
  u32 buffers;        ///< for what a team's warps have of a stage
  u32 stages;         ///< of shared memory
  u32 ahead;          ///< stages that are on their way at a time
  u32 slots;          ///< for sums of stages, where the activations have been
  u32 more_slots;     ///< elsewhere: into which others may write at any time

  __host__ __device__ u32 stage_results() const { return gated ? kStageRows / 2 : kStageRows; }
  __host__ __device__ u32 cluster() const { return 1u << cluster_shift; }
  __host__ __device__ u32 group_shift() const { return gated ? 2 : 1; }
  __host__ __device__ u32 group_stages() const { return 1u << group_shift(); }
  __host__ __device__ u32 workers() const { return depth * teams; }
  // In bytes; of a stage twice as much.
  __host__ __device__ u32 tile_codes() const { return depth * kTileRows * kOctCodes; }
  __host__ __device__ u32 tile_scales() const { return depth * kTileRows * kOctScales; }
  __host__ __device__ u32 stage_bytes() const { return 2 * (tile_codes() + tile_scales()); }
  /// Stages of a cluster, at most.
  __host__ __device__ u32 most_stages() const {
    return (units + (extra > 0 ? 1 : 0)) * unit_stages;
  }
};

struct KernelArgs {
  // For the tensor memory accelerator: the weights in boxes of a tile, codes [octs][outputs][128
  // bytes] and scales [outputs][words]; the block's activations, codes [half octs][rows][128 bytes]
  // and what stands beside them [rows][words]. Codes are swizzled.
  CUtensorMap codes, scales, x_codes, x_chunks;
  QuantGemmKernelArgs gemm;
  Plan plan;
};

/// What a block does: stages [begin, end) of the `count` of its cluster, octs [first_oct,
/// last_oct). The sums of a group of stages are finished by the block that owns it.
struct BlockWork {
  u32 rank;
  u32 first;  ///< stage of the whole product
  u32 count, begin, end;
  u32 first_oct, last_oct;
  u32 half;  ///< of blocks that share the outputs, the second's first stage

  __device__ explicit BlockWork(const Plan& plan) {
    const u32 cluster = blockIdx.x >> plan.cluster_shift;
    rank = blockIdx.x & (plan.cluster() - 1);
    const u32 longer = cluster < plan.extra ? cluster : plan.extra;
    first = (cluster * plan.units + longer) * plan.unit_stages;
    count = (plan.units + (cluster < plan.extra ? 1 : 0)) * plan.unit_stages;
    count = first + count < plan.all_stages ? count : plan.all_stages - first;
    half = plan.cluster_shift == 0 ? count : (count + 1) / 2;
    if (plan.shares_inputs) {
      begin = 0;
      end = count;
      first_oct = rank * plan.octs >> plan.cluster_shift;
      last_oct = (rank + 1) * plan.octs >> plan.cluster_shift;
    } else {
      begin = rank == 0 ? 0 : half;
      end = rank == 0 ? half : count;
      first_oct = 0;
      last_oct = plan.octs;
    }
  }

  __device__ u32 owner(const Plan& plan, u32 stage) const {
    const u32 group = stage >> plan.group_shift();
    if (plan.shares_inputs) return group & (plan.cluster() - 1);
    return group << plan.group_shift() < half ? 0 : 1;
  }
  /// The slot in which the owner has the first block's sums of a stage; those of others that share
  /// the inputs follow.
  __device__ u32 slot(const Plan& plan, u32 stage) const {
    if (plan.shares_inputs) {
      const u32 group = stage >> (plan.group_shift() + plan.cluster_shift);
      const u32 own_stage = (group << plan.group_shift()) + (stage & (plan.group_stages() - 1));
      return own_stage << plan.cluster_shift;
    }
    if (owner(plan, stage) == 1) return stage - half;
    // What the other block sends lies behind the slots for stages of one's own.
    return stage < half ? stage : plan.slots + stage - half;
  }
  // Of the groups that this block owns: the first, the step to the next, and an end.
  __device__ u32 first_group(const Plan& plan) const {
    return plan.shares_inputs ? rank : groups(plan, begin);
  }
  __device__ u32 group_step(const Plan& plan) const {
    return plan.shares_inputs ? plan.cluster() : 1;
  }
  __device__ u32 group_end(const Plan& plan) const { return groups(plan, end); }
  /// Sums that other blocks send to this one.
  __device__ u32 received_parts(const Plan& plan) const {
    if (plan.cluster_shift == 0) return 0;
    const u32 all = groups(plan, count);
    // What the last group lacks.
    const u32 missing = (all << plan.group_shift()) - count;
    if (!plan.shares_inputs) {
      const u32 stages = groups(plan, half) << plan.group_shift();
      return rank == 0 ? (stages < count ? stages : count) - half : 0;
    }
    if (all <= rank) return 0;
    const u32 owned = (all - 1 - rank >> plan.cluster_shift) + 1;
    const bool last = ((all - 1) & (plan.cluster() - 1)) == rank;
    return ((owned << plan.group_shift()) - (last ? missing : 0)) * (plan.cluster() - 1);
  }

 private:
  __device__ u32 groups(const Plan& plan, u32 stages) const {
    return (stages + plan.group_stages() - 1) >> plan.group_shift();
  }
};

/// The slots that a block needs at most.
inline void count_slots(Plan& plan) {
  const u32 step = plan.group_stages();
  const u32 stages = plan.most_stages();
  if (plan.shares_inputs) {
    const u32 groups = (stages + step - 1) / step;
    plan.slots = 0;
    plan.more_slots = (groups + plan.cluster() - 1) / plan.cluster() * step * plan.cluster();
  } else {
    plan.slots = (stages + plan.cluster() - 1) / plan.cluster();
    plan.more_slots = plan.cluster() > 1 ? step - 1 : 0;
  }
}

/// Where things lie in shared memory: barriers, the factors of rows; activations, and once these
/// are in registers the first slots; the other slots; what warps have of stages; weights, the codes
/// of all stages and then the scales.
struct Memory {
  // Barriers of stages, of buffers, of the activations, of what other blocks send and of all sums.
  static constexpr u32 kFull = 0;
  static constexpr u32 kEmpty = kFull + kMaxStages * 8;
  static constexpr u32 kFree = kEmpty + kMaxStages * 8;
  static constexpr u32 kFilled = kFree + kMaxBuffers * 8;
  static constexpr u32 kReceived = kFilled + 8;
  static constexpr u32 kDone = kReceived + 8;
  static constexpr u32 kFactors = kDone + 8;
  /// Eight rows of 128 bytes, in which 16-byte pieces are swizzled.
  static constexpr u32 kAlignment = 1024;
  static constexpr u32 kX = kAlignment;
  /// Codes of an oct: two parts of 128 inputs of all rows.
  static constexpr u32 kXPart = kRows * 128;
  static constexpr u32 kXOct = 2 * kXPart;
  /// Of the sums of a stage, and of eight rows of these.
  static constexpr u32 kTileSums = kStageRows * 8 * 4;
  static constexpr u32 kSums = kRows / 8 * kTileSums;

  u32 x_chunks, first_slots, more_slots, buffers, codes, scales, end;

  __host__ __device__ explicit Memory(const Plan& plan) {
    x_chunks = kX + plan.depth * kXOct;
    const u32 x_end = x_chunks + plan.depth * kRows * kOctChunks * 8;
    const u32 slots_end = kX + plan.slots * kSums;
    first_slots = plan.slots;
    more_slots = x_end > slots_end ? x_end : slots_end;
    buffers = more_slots + plan.more_slots * kSums;
    codes =
        (buffers + plan.buffers * plan.depth * kSums + kAlignment - 1) / kAlignment * kAlignment;
    scales = codes + plan.stages * 2 * plan.tile_codes();
    end = scales + plan.stages * 2 * plan.tile_scales();
  }

  __device__ __forceinline__ u32 slot(u32 i) const {
    return i < first_slots ? kX + i * kSums : more_slots + (i - first_slots) * kSums;
  }
};

/// Named barriers of the warps that multiply and the one that adds up: when activations are in
/// registers, and of buffers.
constexpr int kReadBarrier = 1;
constexpr int kBufferBarriers = 2;

}  // namespace saccade::compute::cuda::streamed
