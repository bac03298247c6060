#include "compute/cuda/quant_gemm.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "compute/cuda/quant_gemm_kernel.h"

namespace saccade::compute::cuda {
namespace {

/// What blocks may take of a multiprocessor's shared memory so that two fit into one, or one of
/// this launch and one of the next.
constexpr u32 kSharedBytes = 110 * 1024;

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

QuantGemmKernel choose_kernel(const WeightView& w, int rows) {
  const ScaleUnit unit = scale_unit(w);
  switch (w.codes) {
    case CodeKind::kInt2:
      return choose_quant_gemm<CodeKind::kInt2>(unit, rows);
    case CodeKind::kInt3:
      return choose_quant_gemm<CodeKind::kInt3>(unit, rows);
    case CodeKind::kInt4:
      return choose_quant_gemm<CodeKind::kInt4>(unit, rows);
    case CodeKind::kInt5:
      return choose_quant_gemm<CodeKind::kInt5>(unit, rows);
    case CodeKind::kInt6:
      return choose_quant_gemm<CodeKind::kInt6>(unit, rows);
    case CodeKind::kInt8:
      return choose_quant_gemm<CodeKind::kInt8>(unit, rows);
    case CodeKind::kTable4:
      return choose_quant_gemm<CodeKind::kTable4>(unit, rows);
    default:
      fail("[cuda] weights of floats have no integer product");
  }
}

bool gated(QuantGemmOutput output) {
  return output == QuantGemmOutput::kGateF32 || output == QuantGemmOutput::kGateBf16;
}

struct Tiles {
  u32 outputs;
  u32 rows;
  std::size_t count() const { return std::size_t{outputs} * rows; }
};

Tiles tiles(const WeightView& w, int rows, const QuantGemmPlan& plan, u32 kernel_rows) {
  const u32 outputs = static_cast<u32>(plan.output_warps) * kWarpOutputs;
  return {(w.outputs + outputs - 1) / outputs,
          (static_cast<u32>(rows) + kernel_rows - 1) / kernel_rows};
}

std::size_t counter_bytes(const Tiles& tiles) {
  return (tiles.count() * sizeof(u32) + 255) / 256 * 256;
}

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) fail("[cuda] {}: {}", what, cudaGetErrorString(status));
}

}  // namespace

bool quant_gemm_supported(const WeightView& weight) {
  return weight.codes <= CodeKind::kTable4 && weight.scale_kind != ScaleKind::kNone;
}

QuantGemmPlan quant_gemm_plan(const WeightView& weight, bool gated, int rows, int multiprocessors) {
  const u32 blocks = (weight.chunks + 7) / 8;
  const u32 narrow = (weight.outputs + kWarpOutputs - 1) / kWarpOutputs;
  const auto sms = static_cast<u32>(multiprocessors);
  QuantGemmPlan plan;
  if (narrow > 4 * sms || gated) {
    // Enough outputs for all; the activations are shared by four warps.
    plan.output_warps = 4;
    plan.stages = 6;
  } else if (blocks <= 32) {
    plan.depth_warps = static_cast<int>((blocks + (blocks + 7) / 8 - 1) / ((blocks + 7) / 8));
    plan.stages = 3;
  } else {
    plan.output_warps = 4;
    plan.depth_warps = 2;
    plan.stages = 4;
    const u32 wide = (weight.outputs + 4 * kWarpOutputs - 1) / (4 * kWarpOutputs);
    plan.splits = static_cast<int>(std::clamp<u32>(2 * sms / (2 * wide), 1, blocks / 4));
  }
  const QuantGemmKernel kernel = choose_kernel(weight, rows);
  const auto bytes = [&] {
    return static_cast<u32>(plan.depth_warps) *
           kernel.team_bytes(static_cast<u32>(plan.output_warps), static_cast<u32>(plan.stages));
  };
  while (plan.stages > 2 && bytes() > kSharedBytes) --plan.stages;
  return plan;
}

std::size_t quant_gemm_workspace_bytes(const WeightView& weight, int rows,
                                       const QuantGemmPlan& plan) {
  if (plan.splits <= 1) return 0;
  const u32 kernel_rows = choose_kernel(weight, rows).rows;
  const Tiles t = tiles(weight, rows, plan, kernel_rows);
  const std::size_t tile_floats =
      std::size_t{kernel_rows} * static_cast<u32>(plan.output_warps) * kWarpOutputs;
  return counter_bytes(t) + t.count() * static_cast<u32>(plan.splits) * tile_floats * sizeof(float);
}

void quant_gemm(const QuantGemmArgs& args, const QuantGemmPlan& plan, cudaStream_t stream) {
  const WeightView& w = args.weight;
  const QuantGemmKernel chosen = choose_kernel(w, args.rows);
  const Tiles t = tiles(w, args.rows, plan, chosen.rows);
  const auto output_warps = static_cast<u32>(plan.output_warps);
  const auto depth_warps = static_cast<u32>(plan.depth_warps);
  QuantGemmKernelArgs a{};
  a.w = w;
  a.codes = static_cast<const u8*>(args.codes);
  a.chunks = args.chunks;
  a.bias = args.bias;
  a.y = args.y;
  a.y_stride = static_cast<u64>(args.y_stride);
  a.rows = static_cast<u32>(args.rows);
  a.pair_distance = gated(args.output) ? w.outputs / 2 : 0;
  a.output_warps = output_warps;
  a.depth_warps = depth_warps;
  a.splits = static_cast<u32>(plan.splits);
  a.stages = static_cast<u32>(plan.stages);
  a.output = args.output;
  a.activation = args.activation;
  if (plan.splits > 1) {
    a.counters = static_cast<u32*>(args.workspace);
    a.partials = reinterpret_cast<float*>(static_cast<u8*>(args.workspace) + counter_bytes(t));
  }
  const u32 outputs = output_warps * kWarpOutputs;
  const u32 shared = std::max(
      depth_warps * chosen.team_bytes(output_warps, a.stages),
      depth_warps * chosen.rows * result_stride(outputs) * static_cast<u32>(sizeof(float)));
  check(cudaFuncSetAttribute(chosen.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "shared memory for a quantized product");
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(t.outputs, static_cast<u32>(plan.splits), t.rows);
  config.blockDim = dim3(output_warps * depth_warps * 32);
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = args.overlap ? 1 : 0;
  void* parameters[] = {&a};
  check(cudaLaunchKernelExC(&config, chosen.kernel, parameters), "a quantized product");
}

}  // namespace saccade::compute::cuda
