// What the parts of the kernel of stream_gemv.h agree about: its arguments, shared memory, and
// which rows a block has.
#pragma once

#include "compute/cuda/attention/hopper.cuh"
#include "compute/cuda/gemv/stream_gemv.h"

namespace saccade::compute::cuda::stream {

using namespace saccade::gpu;  // NOLINT: the kernel is written in their words

constexpr u32 kHalfWarp = 16;
/// Rows of a team in a stage, which a lane works at side by side.
constexpr u32 kTeamRows = 4;
constexpr u32 kMaxStages = 16;
constexpr u32 kMaxCluster = 2;
/// Of a block: 96 registers for each.
constexpr u32 kMaxThreads = 640;
constexpr u32 kMaxWarps = kMaxThreads / kLanes - 1;  ///< beside the one that asks for weights

/// How a launch cuts its work.
struct StreamPlan {
  u32 blocks;   ///< side by side, for the results of a row
  u32 cluster;  ///< blocks that share the quantizing of the inputs: 1 or 2
  u32 rows;     ///< results of a block; one more in the first `extra`
  u32 extra;
  u32 half_warps;  ///< that share a row of weights, a chunk for each lane
  u32 teams;       ///< of half warps, which work at different rows
  u32 workers;     ///< warps of the teams
  u32 warps;       ///< that quantize, at least the workers
  u32 stages;      ///< of shared memory
  u32 ahead;       ///< stages that are on their way at a time
  u32 stage_rows;  ///< of weights
  u32 stage_bytes;
  u32 shared_bytes;
};

/// Bytes of a row in each of the weight's arrays.
struct PlaneBytes {
  u32 low, high, scales, parts;

  __host__ __device__ u32 all() const { return low + high + scales + parts; }
};

struct StreamArgs {
  GemvArgs gemv;
  StreamPlan plan;
  PlaneBytes planes;
};

/// Where things lie in shared memory: barriers, sums of squares of the cluster's warps, the inputs,
/// the sums of half warps, stages.
struct StreamMemory {
  // Barriers of stages, and of the inputs.
  static constexpr u32 kFull = 0;
  static constexpr u32 kEmpty = kFull + kMaxStages * 8;
  static constexpr u32 kFilled = kEmpty + kMaxStages * 8;
  static constexpr u32 kSquares = kFilled + 16;
  static constexpr u32 kX = (kSquares + kMaxCluster * kMaxWarps * 4 + 127) / 128 * 128;
  u32 results, ring, end;

  __host__ __device__ StreamMemory(const StreamPlan& plan, u32 unit_bytes, bool gated) {
    const u32 rows = plan.rows + (plan.extra > 0 ? 1 : 0);
    const u32 stretches = (rows + plan.stage_rows - 1) / plan.stage_rows * (gated ? 2 : 1);
    results = kX + plan.half_warps * kHalfWarp * unit_bytes;
    ring = (results + plan.half_warps * stretches * plan.stage_rows * 4 + 127) / 128 * 128;
    end = ring + plan.stages * plan.stage_bytes;
  }
};

/// The rows of a block, in stretches of a stage's rows; of gated products first the gates, then
/// what they multiply.
struct BlockRows {
  u32 first, count, step, stretches, all;

  __device__ explicit BlockRows(const StreamArgs& args) {
    const StreamPlan& plan = args.plan;
    const u32 longer = blockIdx.x < plan.extra ? blockIdx.x : plan.extra;
    first = blockIdx.x * plan.rows + longer;
    count = plan.rows + (blockIdx.x < plan.extra ? 1 : 0);
    step = plan.stage_rows;
    stretches = (count + step - 1) / step;
    all = args.gemv.gated ? 2 * stretches : stretches;
  }
};

}  // namespace saccade::compute::cuda::stream
