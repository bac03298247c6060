#include "compute/cuda/quant_gemm/quant_gemm.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "compute/cuda/quant_gemm/quant_gemm_kernel.h"

namespace saccade::compute::cuda {
namespace {

/// What a block may take of shared memory.
constexpr u32 kSharedMost = 227 * 1024;

ScaleUnit scale_unit(const WeightView& w) {
  switch (w.scale_kind) {
    case ScaleKind::kE4m3:
    case ScaleKind::kParts16:
    case ScaleKind::kParts16Min:
    case ScaleKind::kParts16Six:
      return ScaleUnit::kHalf;
    case ScaleKind::kParts8:
    case ScaleKind::kParts8Min:
      return ScaleUnit::kChunk;
    default:
      return w.group_shift > 0 ? ScaleUnit::kPair : ScaleUnit::kChunk;
  }
}

QuantGemmKernel choose_kernel(const WeightView& w, int rows, int output_warps) {
  const auto warps = static_cast<u32>(output_warps);
  const ScaleUnit unit = scale_unit(w);
  switch (w.codes) {
    case CodeKind::kInt2:
      return choose_quant_gemm<CodeKind::kInt2>(unit, w.scale_kind, rows, warps);
    case CodeKind::kInt3:
      return choose_quant_gemm<CodeKind::kInt3>(unit, w.scale_kind, rows, warps);
    case CodeKind::kInt4:
      return choose_quant_gemm<CodeKind::kInt4>(unit, w.scale_kind, rows, warps);
    case CodeKind::kInt5:
      return choose_quant_gemm<CodeKind::kInt5>(unit, w.scale_kind, rows, warps);
    case CodeKind::kInt6:
      return choose_quant_gemm<CodeKind::kInt6>(unit, w.scale_kind, rows, warps);
    case CodeKind::kInt8:
      return choose_quant_gemm<CodeKind::kInt8>(unit, w.scale_kind, rows, warps);
    case CodeKind::kTable4:
      return choose_quant_gemm<CodeKind::kTable4>(unit, w.scale_kind, rows, warps);
    default:
      fail("[cuda] weights of floats have no integer product");
  }
}

bool gated(QuantGemmOutput output) {
  return output == QuantGemmOutput::kGateF32 || output == QuantGemmOutput::kGateF16;
}

struct Tiles {
  u32 outputs;
  u32 rows;
};

Tiles tiles(const WeightView& w, int rows, const QuantGemmPlan& plan, u32 kernel_rows) {
  const u32 outputs = static_cast<u32>(plan.output_warps) * kWarpOutputs;
  return {(w.outputs + outputs - 1) / outputs,
          (static_cast<u32>(rows) + kernel_rows - 1) / kernel_rows};
}

u32 blocks_of(const WeightView& w) {
  return (w.chunks + kStageChunks - 1) / kStageChunks;
}

/// What a block of a kernel takes of shared memory.
u32 shared_bytes(const QuantGemmKernel& kernel, const QuantGemmPlan& plan) {
  const auto depth = static_cast<u32>(plan.depth_warps);
  const u32 outputs = static_cast<u32>(plan.output_warps) * kWarpOutputs;
  return depth * std::max(kernel.team_bytes(static_cast<u32>(plan.stages)),
                          kernel.rows * result_stride(outputs) * static_cast<u32>(sizeof(float)));
}

/// A block's. Where every warp is alone with its inputs, one more helps.
u32 threads_of(const QuantGemmPlan& plan) {
  const int helpers = plan.output_warps == 1 ? 1 : 0;
  return static_cast<u32>(plan.output_warps * plan.depth_warps + helpers) * saccade::gpu::kLanes;
}

bool fits(const QuantGemmKernel& kernel, const QuantGemmPlan& plan) {
  return shared_bytes(kernel, plan) <= kSharedMost && threads_of(plan) <= kernel.threads;
}

/// The kernel for the most rows up to `rows` that fits into a multiprocessor.
QuantGemmKernel fitting_kernel(const WeightView& w, int rows, const QuantGemmPlan& plan) {
  QuantGemmKernel kernel = choose_kernel(w, rows, plan.output_warps);
  while (!fits(kernel, plan) && kernel.rows > 8) {
    kernel = choose_kernel(w, static_cast<int>(kernel.rows / 2), plan.output_warps);
  }
  return kernel;
}

/// Of one launch; more rows are more launches, so that counters suffice.
constexpr int kLaunchRows = 512;

u32 workers_of(const WeightView& w, const QuantGemmPlan& plan, const Tiles& tiles) {
  return std::min(static_cast<u32>(plan.workers), tiles.outputs * blocks_of(w));
}

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) fail("[cuda] {}: {}", what, cudaGetErrorString(status));
}

}  // namespace

QuantGemmKernelArgs kernel_args(const QuantGemmArgs& args) {
  QuantGemmKernelArgs a{};
  a.w = args.weight;
  a.codes = static_cast<const u8*>(args.codes);
  a.chunks = args.chunks;
  a.squares = args.squares;
  a.eps = args.eps;
  a.bias = args.bias;
  a.y = args.y;
  a.y_codes = static_cast<u32*>(args.y_codes);
  a.y_chunks = args.y_chunks;
  a.y_norm = args.y_norm;
  a.y_squares = args.y_squares;
  a.y_stride = static_cast<u64>(args.y_stride);
  a.rows = static_cast<u32>(args.rows);
  a.pair_distance = gated(args.output) ? args.weight.outputs / 2 : 0;
  a.output = args.output;
  a.activation = args.activation;
  a.aligned = args.y_stride % 4 == 0 && reinterpret_cast<std::uintptr_t>(args.y) % 16 == 0;
  return a;
}

bool quant_gemm_supported(const WeightView& weight) {
  return weight.codes <= CodeKind::kTable4 && weight.scale_kind != ScaleKind::kNone;
}

bool quant_gemm_quantizes(const WeightView& weight, bool gated, const QuantGemmPlan& plan) {
  if (!gated) return weight.outputs % kChunk == 0;
  // A tile's gated outputs must be whole chunks.
  return weight.outputs % (2 * kChunk) == 0 && plan.output_warps % 2 == 0;
}

QuantGemmPlan quant_gemm_plan(const WeightView& weight, bool gated, int multiprocessors) {
  const u32 blocks = blocks_of(weight);
  const u32 narrow = (weight.outputs + kWarpOutputs - 1) / kWarpOutputs;
  const auto sms = static_cast<u32>(multiprocessors);
  QuantGemmPlan plan;
  if (narrow > 4 * sms || gated) {
    // Enough outputs for all: four warps share the activations, two blocks a multiprocessor.
    plan.depth_warps = 2;
    plan.workers = static_cast<int>(2 * sms);
  } else {
    // A block for 32 outputs, whose warps share the inputs. Splitting outputs among blocks instead
    // costs more than it gives: on an H200, 7 blocks along 3584 inputs of 4608 outputs took 12 us
    // instead of 8, and 10 along 18944 inputs of 3584 outputs 25 us instead of 20 (16 rows).
    plan.output_warps = 1;
    plan.workers = static_cast<int>(narrow);
    // All of the inputs at once, if a multiprocessor has room for that and need not take two
    // blocks.
    plan.depth_warps = static_cast<int>(blocks);
    plan.stages = 1;
    if (narrow > sms || !fits(choose_kernel(weight, 16, 1), plan)) {
      const u32 rounds = (blocks + 7) / 8;
      plan.depth_warps = static_cast<int>((blocks + rounds - 1) / rounds);
      plan.stages = narrow > sms ? 1 : 2;
    }
  }
  // Weights should be read once for 16 rows.
  while (plan.depth_warps > 1 && !fits(choose_kernel(weight, 16, plan.output_warps), plan)) {
    --plan.depth_warps;
  }
  return plan;
}

std::size_t quant_gemm_workspace_bytes(const WeightView& weight, int rows,
                                       const QuantGemmPlan& plan) {
  rows = std::min(rows, kLaunchRows);
  const u32 kernel_rows = fitting_kernel(weight, rows, plan).rows;
  const Tiles t = tiles(weight, rows, plan, kernel_rows);
  const std::size_t part =
      std::size_t{kernel_rows} * static_cast<u32>(plan.output_warps) * kWarpOutputs * sizeof(float);
  return kQuantGemmCounterBytes + 2 * part * static_cast<u32>(plan.workers) * t.rows;
}

void quant_gemm(const QuantGemmArgs& args, const QuantGemmPlan& plan, cudaStream_t stream) {
  const WeightView& w = args.weight;
  if (args.rows > kLaunchRows) {
    const bool half =
        args.output == QuantGemmOutput::kF16 || args.output == QuantGemmOutput::kGateF16;
    QuantGemmArgs slice = args;
    for (int row = 0; row < args.rows; row += kLaunchRows) {
      const std::int64_t chunk = std::int64_t{row} * w.chunks;
      slice.codes = static_cast<const u8*>(args.codes) + chunk * kChunk;
      slice.chunks = args.chunks + chunk;
      if (args.squares != nullptr) slice.squares = args.squares + chunk;
      if (args.y_codes != nullptr) {
        const u32 width = gated(args.output) ? w.outputs / 2 : w.outputs;
        const std::int64_t y_chunk = std::int64_t{row} * (width / kChunk);
        slice.y_codes = static_cast<u8*>(args.y_codes) + y_chunk * kChunk;
        slice.y_chunks = args.y_chunks + y_chunk;
        if (args.y_norm != nullptr) slice.y_squares = args.y_squares + y_chunk;
      }
      slice.y = static_cast<u8*>(args.y) + row * args.y_stride * (half ? 2 : 4);
      slice.rows = std::min(kLaunchRows, args.rows - row);
      quant_gemm(slice, plan, stream);
    }
    return;
  }
  const QuantGemmKernel chosen = fitting_kernel(w, args.rows, plan);
  const Tiles t = tiles(w, args.rows, plan, chosen.rows);
  const u32 workers = workers_of(w, plan, t);
  if (std::size_t{workers} * t.rows * sizeof(u32) > kQuantGemmCounterBytes) {
    fail("[cuda] {} workers are too many for a quantized product", workers);
  }
  QuantGemmKernelArgs a = kernel_args(args);
  a.tiles = t.outputs;
  a.depth_warps = static_cast<u32>(plan.depth_warps);
  a.stages = static_cast<u32>(plan.stages);
  a.counters = static_cast<u32*>(args.workspace);
  a.partials = reinterpret_cast<float*>(static_cast<u8*>(args.workspace) + kQuantGemmCounterBytes);
  const u32 shared = shared_bytes(chosen, plan);
  check(cudaFuncSetAttribute(chosen.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "shared memory for a quantized product");
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(workers, t.rows);
  config.blockDim = dim3(threads_of(plan));
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = args.overlap ? 1 : 0;
  void* parameters[] = {&a};
  check(cudaLaunchKernelExC(&config, chosen.kernel, parameters), "a quantized product");
}

}  // namespace saccade::compute::cuda
