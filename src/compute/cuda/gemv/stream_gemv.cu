// Plans and launches of stream_gemv.h.
#include "compute/cuda/gemv/stream_gemv.h"

#include <algorithm>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/gemv/stream_memory.cuh"
#include "compute/cuda/gemv/stream_table.h"

namespace saccade::compute::cuda {
namespace stream {
namespace {

constexpr u32 kMaxHalfWarps = kMaxThreads / kHalfWarp - kLanes / kHalfWarp;
/// Of shared memory: what is left is other launches'.
constexpr u32 kSharedBytes = 200 << 10;
/// Of shared memory, for sums; more results are more blocks.
constexpr u32 kResultBytes = 40000;
/// As much as is on its way when memory is busy, twice. With all of kSharedBytes a decode step of a
/// 7B model takes 4 % longer.
constexpr u32 kAheadBytes = 66000;

const StreamKernel* find(const WeightView& w) {
  for (const StreamKernel& kernel : stream_kernels()) {
    const bool numbers =
        kernel.numbers == NumberKind::kAny || (kernel.numbers == NumberKind::kF16) == w.is_f16;
    if (kernel.codes == w.codes && kernel.scales == w.scale_kind && numbers) return &kernel;
  }
  return nullptr;
}

PlaneBytes plane_bytes(const WeightView& w, const StreamKernel& kernel) {
  return {w.chunks * kernel.low_words * 4, w.chunks * kernel.high_words * 4,
          w.groups * kernel.group_bytes, w.chunks * kernel.chunk_bytes};
}

u32 ceil_div(u32 a, u32 b) {
  return (a + b - 1) / b;
}

/// Teams of half warps that take the fewest cycles for `rows` rows. A warp's instructions for a
/// stage are about 150, four of them in a cycle; waits and sums take a stage's warps together at
/// least 300 cycles.
u32 best_teams(u32 rows, u32 half_warps) {
  u32 best = 1;
  u32 least = ~0u;
  for (u32 teams = 1; teams * half_warps <= kMaxHalfWarps; ++teams) {
    const u32 stages = ceil_div(rows, kTeamRows * teams);
    const u32 cycles = stages * std::max(ceil_div(teams * half_warps, 2) * 40 + 60, 300u);
    if (cycles <= least) {
      least = cycles;
      best = teams;
    }
  }
  return best;
}

/// Warps with which a block leaves too few registers for a second one, which would leave another
/// multiprocessor without work. Attention's blocks have room beside.
u32 warps_alone(const void* entry) {
  constexpr u32 kRegisters = 65536;
  cudaFuncAttributes attributes{};
  if (cudaFuncGetAttributes(&attributes, entry) != cudaSuccess) return kMaxWarps;
  const u32 of_warp = ceil_div(static_cast<u32>(std::max(attributes.numRegs, 1)), 8) * 8 * kLanes;
  return std::min(kMaxWarps, kRegisters / 2 / of_warp);
}

/// For `n` results of a row; gated as in GemvArgs.
StreamPlan make_plan(const WeightView& w, u32 n, bool gated, const StreamKernel& kernel,
                     int processors) {
  StreamPlan plan{};
  plan.half_warps = ceil_div(w.chunks, kHalfWarp);
  const u32 most_rows = kResultBytes / (4 * plan.half_warps * (gated ? 2 : 1)) - kTeamRows;
  const auto multiprocessors = static_cast<u32>(processors);
  plan.blocks = std::min(n, multiprocessors * ceil_div(n, multiprocessors * most_rows));
  plan.cluster = plan.blocks % kMaxCluster == 0 ? kMaxCluster : 1;
  plan.rows = n / plan.blocks;
  plan.extra = n % plan.blocks;
  const u32 rows = ceil_div(n, plan.blocks);
  plan.teams = best_teams(rows, plan.half_warps);
  plan.workers = ceil_div(plan.teams * plan.half_warps, 2);
  plan.warps = std::max(plan.workers, warps_alone(kernel.entry));
  plan.stage_rows = kTeamRows * plan.teams;
  plan.stage_bytes = ceil_div(plan.stage_rows * plane_bytes(w, kernel).all(), 128) * 128;
  const u32 fixed = StreamMemory(plan, kernel.unit_bytes, gated).end;
  plan.stages = std::clamp((kSharedBytes - fixed) / plan.stage_bytes, 1u,
                           std::min(kMaxStages, ceil_div(rows, plan.stage_rows) * (gated ? 2 : 1)));
  plan.ahead = std::clamp(kAheadBytes / plan.stage_bytes, 1u, plan.stages);
  plan.shared_bytes = StreamMemory(plan, kernel.unit_bytes, gated).end;
  return plan;
}

}  // namespace
}  // namespace stream

bool stream_gemv_fits(const saccade::gpu::WeightView& w) {
  const stream::StreamKernel* kernel = stream::find(w);
  if (!kernel || w.row_shift != 0 || w.chunks > stream::kMaxHalfWarps * stream::kHalfWarp) {
    return false;
  }
  // Bulk copies take multiples of 16 bytes.
  const stream::PlaneBytes planes = stream::plane_bytes(w, *kernel);
  const bool whole =
      ((planes.low | planes.high | planes.scales | planes.parts) & 15u) == 0 && planes.low > 0;
  return whole && runs_wgmma(kernel->entry);
}

cudaError_t stream_gemv(cudaStream_t stream, const saccade::gpu::GemvArgs& args, std::uint32_t rows,
                        int processors) {
  const stream::StreamKernel& kernel = *stream::find(args.weight);
  const stream::StreamPlan plan =
      stream::make_plan(args.weight, args.n, args.gated, kernel, processors);
  const stream::StreamArgs all{args, plan, stream::plane_bytes(args.weight, kernel)};
  const auto entry =
      reinterpret_cast<void (*)(stream::StreamArgs)>(const_cast<void*>(kernel.entry));
  return launch(entry,
                {dim3(plan.blocks, rows), static_cast<int>((plan.warps + 1) * stream::kLanes),
                 static_cast<int>(plan.shared_bytes), static_cast<int>(plan.cluster)},
                stream, true, all);
}

}  // namespace saccade::compute::cuda
