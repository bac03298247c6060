// Plans and launches of stream_gemm.h.
#include "compute/cuda/stream_gemm/stream_gemm.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/tensor_map.cuh"
#include "compute/cuda/stream_gemm/stream_gemm_kernel.cuh"

namespace saccade::compute::cuda {
namespace streamed {
namespace {

/// Of shared memory.
constexpr u32 kSharedBytes = 226 << 10;
/// As much as is on its way when memory is busy, twice.
constexpr u32 kAheadBytes = 66000;

/// Rows of weights for a multiprocessor. With fewer a launch's beginning and end are most of it:
/// the 4608 and 3584 rows of Qwen2.5-VL-7B's smaller matrices take 4 to 20 % longer than by
/// quant_gemm on an H200.
constexpr u32 kLeastOutputs = 128;
/// Warps that multiply for more than 8 rows: with the 8 that rows of 2048 inputs make, gate and up
/// of the 3B model take 7 % longer than by quant_gemm.
constexpr u32 kLeastWorkers = 12;

using Entry = void (*)(KernelArgs);

template <ScaleKind kScales, NumberKind kNumber>
Entry of_rows(int rows) {
  return rows <= 8 ? stream_gemm_kernel<kScales, kNumber, 1>
                   : stream_gemm_kernel<kScales, kNumber, 2>;
}

/// The kernel for the weight and so many rows; null: none.
Entry find(const WeightView& w, int rows) {
  if (w.codes != CodeKind::kInt4 || w.row_shift != 0 || w.chunks % kOctChunks != 0) return nullptr;
  if (w.scale_kind == ScaleKind::kScaleOffset && w.group_shift == 1) {
    return w.is_f16 ? of_rows<ScaleKind::kScaleOffset, NumberKind::kF16>(rows)
                    : of_rows<ScaleKind::kScaleOffset, NumberKind::kBf16>(rows);
  }
  if (w.scale_kind == ScaleKind::kScale && w.group_shift == 0 && w.is_f16 && w.zero == 8) {
    return of_rows<ScaleKind::kScale, NumberKind::kF16>(rows);
  }
  return nullptr;
}

u32 ceil_div(u32 a, u32 b) {
  return (a + b - 1) / b;
}

/// A plan of a cut; `ahead` is 0 where that cannot be.
Plan make_plan(const WeightView& w, bool gated, bool coded, const StreamGemmCut& cut,
               u32 multiprocessors) {
  Plan plan{};
  plan.cluster_shift = static_cast<u32>(std::countr_zero(static_cast<u32>(cut.cluster)));
  plan.shares_inputs = cut.shares_inputs ? 1 : 0;
  plan.octs = w.chunks / kOctChunks;
  plan.gated = gated ? 1 : 0;
  const u32 results = gated ? w.outputs / 2 : w.outputs;
  plan.all_stages = ceil_div(results, plan.stage_results());
  // Codes need whole chunks of results.
  plan.unit_stages = coded ? plan.group_stages() : 1;
  const u32 all_units = ceil_div(plan.all_stages, plan.unit_stages);
  const u32 clusters = std::max(multiprocessors >> plan.cluster_shift, 1u);
  plan.depth = cut.shares_inputs ? ceil_div(plan.octs, plan.cluster()) : plan.octs;
  plan.teams = std::clamp(kMaxWorkers / std::max(plan.depth, 1u), 1u, kMaxBuffers - 1);
  plan.buffers = plan.teams + 1;
  // More outputs than fit are more rounds of blocks.
  for (u32 rounds = 1; rounds <= 64; ++rounds) {
    const u32 used = std::min(all_units, clusters * rounds);
    plan.units = all_units / used;
    plan.extra = all_units % used;
    count_slots(plan);
    const Memory least(plan);
    // A team takes stages that are as far apart.
    if (least.codes + std::max(plan.teams, 2u) * plan.stage_bytes() > kSharedBytes) continue;
    plan.stages = std::min((kSharedBytes - least.codes) / plan.stage_bytes(), kMaxStages);
    plan.ahead = std::clamp(kAheadBytes / plan.stage_bytes(), 1u, plan.stages);
    break;
  }
  return plan;
}

bool fits(const Plan& plan) {
  return plan.depth <= kMaxWorkers && plan.stages > 0 && plan.ahead > 0;
}

u32 blocks(const Plan& plan) {
  const u32 all_units = ceil_div(plan.all_stages, plan.unit_stages);
  // units * clusters + extra = all_units
  return (all_units - plan.extra) / plan.units * plan.cluster();
}

/// What a launch is expected to take, in cycles: weights, the first activations, and sums that
/// blocks send each other.
u32 cost(const Plan& plan, u32 multiprocessors) {
  const u32 rounds = ceil_div(blocks(plan), multiprocessors);
  u32 stages = plan.most_stages();
  if (!plan.shares_inputs) stages = ceil_div(stages, plan.cluster());
  const u32 of_block = stages * plan.depth * 128 + plan.depth * 160;
  return rounds * of_block + (plan.shares_inputs ? 1200 : 0);
}

/// An array [planes][rows][columns] of words as the tensor memory accelerator copies it: boxes of
/// `box` words, strides in bytes. Elements outside are zeros.
struct Array {
  const void* data;
  cuuint64_t columns, rows, planes;
  cuuint64_t row_stride, plane_stride;
  cuuint32_t box[3];
  bool swizzled;

  bool describe(CUtensorMap& map) const {
    static const EncodeTiled encode = find_encode_tiled();
    if (encode == nullptr) return false;
    const cuuint64_t sizes[3] = {columns, rows, planes};
    const cuuint64_t strides[2] = {row_stride, plane_stride};
    const cuuint32_t steps[3] = {1, 1, 1};
    return encode(&map, CU_TENSOR_MAP_DATA_TYPE_UINT32, 3, const_cast<void*>(data), sizes, strides,
                  box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                  swizzled ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
                  CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
  }
};

bool describe_arrays(KernelArgs& args) {
  const WeightView& w = args.gemm.w;
  const u32 octs = args.plan.octs;
  const u32 depth = args.plan.depth;
  const u32 rows = args.gemm.rows;
  const Array codes = {w.low,
                       kOctCodes / 4,
                       w.outputs,
                       octs,
                       octs * kOctCodes,
                       kOctCodes,
                       {kOctCodes / 4, kTileRows, depth},
                       true};
  const Array scales = {w.scales,
                        octs * kOctScales / 4,
                        w.outputs,
                        1,
                        octs * kOctScales,
                        u64{octs} * kOctScales * w.outputs,
                        {depth * kOctScales / 4, kTileRows, 1},
                        false};
  const Array x_codes = {args.gemm.codes,        32,  rows, octs * 2, octs * 256, 128,
                         {32, kRows, depth * 2}, true};
  const Array x_chunks = {args.gemm.chunks,   16,   rows, octs, octs * 64, 64,
                          {16, kRows, depth}, false};
  return codes.describe(args.codes) && scales.describe(args.scales) &&
         x_codes.describe(args.x_codes) && x_chunks.describe(args.x_chunks);
}

constexpr StreamGemmCut kCuts[] = {{1, false}, {2, false}, {2, true}};

}  // namespace
}  // namespace streamed

bool stream_gemm_fits(const saccade::gpu::WeightView& weight) {
  const streamed::Entry entry = streamed::find(weight, kStreamGemmRows);
  if (!entry || weight.chunks > streamed::kMaxWorkers * 2 * streamed::kOctChunks) {
    return false;
  }
  return runs_wgmma(reinterpret_cast<const void*>(entry));
}

bool stream_gemm_pays(const saccade::gpu::WeightView& weight, std::int64_t rows, bool gated,
                      int multiprocessors) {
  const auto processors = static_cast<std::uint32_t>(multiprocessors);
  if (rows > kStreamGemmRows || weight.outputs < streamed::kLeastOutputs * processors ||
      !stream_gemm_fits(weight)) {
    return false;
  }
  // With codes is the harder case.
  const bool coded = stream_gemm_quantizes(weight, gated);
  const StreamGemmCut cut = stream_gemm_cut(weight, gated, coded, multiprocessors);
  const streamed::Plan plan = streamed::make_plan(weight, gated, coded, cut, processors);
  return streamed::fits(plan) && (rows <= 8 || plan.workers() >= streamed::kLeastWorkers);
}

bool stream_gemm_quantizes(const saccade::gpu::WeightView& weight, bool gated) {
  return weight.outputs % (gated ? 2 * saccade::gpu::kChunk : saccade::gpu::kChunk) == 0;
}

bool stream_gemm_can_cut(const saccade::gpu::WeightView& weight, bool gated, bool coded,
                         const StreamGemmCut& cut, int multiprocessors) {
  return streamed::fits(
      streamed::make_plan(weight, gated, coded, cut, static_cast<std::uint32_t>(multiprocessors)));
}

StreamGemmCut stream_gemm_cut(const saccade::gpu::WeightView& weight, bool gated, bool coded,
                              int multiprocessors) {
  const auto processors = static_cast<std::uint32_t>(multiprocessors);
  StreamGemmCut best = streamed::kCuts[std::size(streamed::kCuts) - 1];
  std::uint32_t least = ~0u;
  for (const StreamGemmCut& cut : streamed::kCuts) {
    const streamed::Plan plan = streamed::make_plan(weight, gated, coded, cut, processors);
    if (!streamed::fits(plan)) continue;
    const std::uint32_t cost = streamed::cost(plan, processors);
    if (cost >= least) continue;
    least = cost;
    best = cut;
  }
  return best;
}

cudaError_t stream_gemm(const QuantGemmArgs& args, const StreamGemmCut& cut, int multiprocessors,
                        cudaStream_t stream) {
  const streamed::Entry entry = streamed::find(args.weight, args.rows);
  const bool gated =
      args.output == QuantGemmOutput::kGateF32 || args.output == QuantGemmOutput::kGateF16;
  streamed::KernelArgs all{};
  all.gemm = kernel_args(args);
  all.plan = streamed::make_plan(args.weight, gated, args.y_codes != nullptr, cut,
                                 static_cast<std::uint32_t>(multiprocessors));
  const streamed::Plan& plan = all.plan;
  if (!entry || args.rows > kStreamGemmRows || !streamed::fits(plan) ||
      !streamed::describe_arrays(all)) {
    return cudaErrorInvalidValue;
  }
  return launch(
      entry,
      {dim3(streamed::blocks(plan)), static_cast<int>((plan.workers() + 2) * saccade::gpu::kLanes),
       static_cast<int>(streamed::Memory(plan).end), static_cast<int>(plan.cluster())},
      stream, args.overlap, all);
}

}  // namespace saccade::compute::cuda
