#include "compute/gpu/weight_kernels.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::CodeKind;
using saccade::gpu::kLanes;
using saccade::gpu::ScaleKind;
using saccade::gpu::WeightView;

struct KernelsOf {
  CodeKind codes;
  ScaleKind scales;
  Kernel gemv;
  Kernel dequantize;
};

#define SACCADE_KERNELS_OF(X, name, codes, scales) \
  {CodeKind::codes, ScaleKind::scales, Kernel::gemv_##name, Kernel::dequantize_##name},
#define SACCADE_FLOAT_KERNELS_OF(X, name, codes) \
  {CodeKind::codes, ScaleKind::kNone, Kernel::gemv_##name, Kernel::dequantize_##name},
constexpr KernelsOf kKernels[] = {SACCADE_INTEGER_FORMATS(SACCADE_KERNELS_OF, )      //
                                  SACCADE_SMALL_FLOAT_FORMATS(SACCADE_KERNELS_OF, )  //
                                  SACCADE_FLOAT_FORMATS(SACCADE_FLOAT_KERNELS_OF, )};
#undef SACCADE_KERNELS_OF
#undef SACCADE_FLOAT_KERNELS_OF

struct UnitShape {
  std::int64_t inputs;
  std::int64_t shared_bytes;
};

/// Of the pieces in which a kernel takes rows; see the products of gemv.h.
UnitShape unit_shape(CodeKind codes) {
  switch (codes) {
    case CodeKind::kF32:
      return {4, 16};
    case CodeKind::kF16:
    case CodeKind::kBf16:
      return {8, 32};
    case CodeKind::kE4m3:
      return {32, 128};
    default:
      return {32, 40};
  }
}

const KernelsOf& kernels_of(const WeightView& weight) {
  for (const KernelsOf& entry : kKernels) {
    if (entry.codes == weight.codes && entry.scales == weight.scale_kind) return entry;
  }
  fail("[pack] codes of kind {} with scales of kind {} have no GPU kernels",
       static_cast<int>(weight.codes), static_cast<int>(weight.scale_kind));
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

GemvPlan gemv_plan(const WeightView& weight, std::int64_t n, bool gated, std::int64_t rows,
                   int processors) {
  constexpr int kMinWarps = 8;
  constexpr int kMaxWarps = static_cast<int>(saccade::gpu::kGemvThreads / kLanes);
  const UnitShape shape = unit_shape(weight.codes);
  const std::int64_t units = ceil_div(weight.inputs, shape.inputs);
  GemvPlan plan;
  plan.kernel = kernels_of(weight).gemv;
  double best = 0.0;
  for (const std::int64_t lanes : {32, 16, 8}) {
    const std::int64_t steps = ceil_div(units, lanes);
    const std::int64_t tile_rows = kLanes / lanes;
    const std::int64_t tiles = ceil_div(n, tile_rows);
    const std::int64_t groups = std::min<std::int64_t>(tiles, processors);
    const std::int64_t group_tiles = ceil_div(tiles, groups) * (gated ? 2 : 1);
    for (int warps = kMinWarps; warps <= kMaxWarps; ++warps) {
      // The share of lanes, of warps' turns and of groups that have something to do, and a little
      // for more warps, which have more reads on their way.
      const double lanes_busy = static_cast<double>(units) / static_cast<double>(steps * lanes);
      const std::int64_t turns = ceil_div(group_tiles, warps);
      const double warps_busy =
          static_cast<double>(group_tiles) / static_cast<double>(turns * warps);
      const double groups_busy =
          static_cast<double>(tiles * (gated ? 2 : 1)) / static_cast<double>(groups * group_tiles);
      const double score = lanes_busy * warps_busy * groups_busy * (1.0 + 0.01 * warps);
      if (score <= best) continue;
      best = score;
      plan.lanes = static_cast<std::uint32_t>(lanes);
      plan.grid = {
          .x = static_cast<std::uint32_t>(groups),
          .y = static_cast<std::uint32_t>(rows),
          .threads = static_cast<std::uint32_t>(warps) * kLanes,
          .shared_bytes = static_cast<std::uint32_t>(steps * lanes * shape.shared_bytes +
                                                     kLanes * 4 + group_tiles * tile_rows * 4)};
    }
  }
  return plan;
}

DequantizePlan dequantize_plan(const WeightView& weight, std::int64_t rows, std::int64_t y_stride) {
  using saccade::gpu::kDequantizeRows;
  using saccade::gpu::kDequantizeThreads;
  const bool floats = weight.scale_kind == ScaleKind::kNone;
  const std::int64_t columns = kDequantizeThreads * (floats ? 4 : saccade::gpu::kChunk / 4);
  const std::int64_t column_groups = ceil_div(y_stride, columns);
  return {.kernel = kernels_of(weight).dequantize,
          .grid = {.x = static_cast<std::uint32_t>(column_groups * ceil_div(rows, kDequantizeRows)),
                   .threads = kDequantizeThreads},
          .column_groups = static_cast<std::uint32_t>(column_groups)};
}

Grid quantize_grid(std::int64_t rows) {
  return {.y = static_cast<std::uint32_t>(rows),
          .threads = saccade::gpu::kQuantizeThreads,
          .shared_bytes = kLanes * 4};
}

}  // namespace saccade::compute::gpu
