#include "compute/gpu/weight_kernels.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::CodeKind;
using saccade::gpu::FloatProduct;
using saccade::gpu::IntegerProduct;
using saccade::gpu::kLanes;
using saccade::gpu::NumberKind;
using saccade::gpu::ScaleKind;
using saccade::gpu::SmallFloatProduct;
using saccade::gpu::WeightView;

/// What the launch of a product depends on.
struct ProductShape {
  std::int64_t unit_inputs;
  std::int64_t unit_bytes;  ///< of shared memory
  std::int64_t lane_rows;
};

template <typename Product>
constexpr ProductShape shape_of() {
  return {Product::kUnitInputs, Product::kUnitBytes, saccade::gpu::GemvShape<Product>::kRows};
}

struct KernelsOf {
  CodeKind codes;
  ScaleKind scales;
  NumberKind numbers;
  Kernel gemv;
  Kernel dequantize;
  ProductShape shape;
};

#define SACCADE_INTEGER_KERNELS(X, name, codes, scales, numbers) \
  {CodeKind::codes,                                              \
   ScaleKind::scales,                                            \
   NumberKind::numbers,                                          \
   Kernel::gemv_##name,                                          \
   Kernel::dequantize_##name,                                    \
   shape_of<IntegerProduct<CodeKind::codes, ScaleKind::scales, NumberKind::numbers>>()},
#define SACCADE_SMALL_FLOAT_KERNELS(X, name, codes, scales, numbers) \
  {CodeKind::codes,           ScaleKind::scales,                     \
   NumberKind::numbers,       Kernel::gemv_##name,                   \
   Kernel::dequantize_##name, shape_of<SmallFloatProduct<ScaleKind::scales>>()},
#define SACCADE_FLOAT_KERNELS(X, name, codes)                        \
  {CodeKind::codes,     ScaleKind::kNone,          NumberKind::kAny, \
   Kernel::gemv_##name, Kernel::dequantize_##name, shape_of<FloatProduct<CodeKind::codes>>()},
constexpr KernelsOf kKernels[] = {SACCADE_INTEGER_FORMATS(SACCADE_INTEGER_KERNELS, )          //
                                  SACCADE_SMALL_FLOAT_FORMATS(SACCADE_SMALL_FLOAT_KERNELS, )  //
                                  SACCADE_FLOAT_FORMATS(SACCADE_FLOAT_KERNELS, )};

const KernelsOf& kernels_of(const WeightView& weight) {
  for (const KernelsOf& entry : kKernels) {
    const bool numbers =
        entry.numbers == NumberKind::kAny || (entry.numbers == NumberKind::kF16) == weight.half;
    if (entry.codes == weight.codes && entry.scales == weight.scale_kind && numbers) return entry;
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
#if !defined(SACCADE_GEMV_MAX_WARPS)
#define SACCADE_GEMV_MAX_WARPS (saccade::gpu::kGemvThreads / kLanes)
#endif
  constexpr int kMaxWarps = static_cast<int>(SACCADE_GEMV_MAX_WARPS);
  const KernelsOf& kernels = kernels_of(weight);
  const ProductShape& shape = kernels.shape;
  const std::int64_t units = ceil_div(weight.inputs, shape.unit_inputs);
  GemvPlan plan;
  plan.kernel = kernels.gemv;
  double best = 0.0;
  for (const std::int64_t lanes : {32, 16, 8}) {
    const std::int64_t steps = ceil_div(units, lanes);
    const std::int64_t tile_rows = shape.lane_rows * kLanes / lanes;
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
          .shared_bytes = static_cast<std::uint32_t>(steps * lanes * shape.unit_bytes + kLanes * 4 +
                                                     group_tiles * tile_rows * 4)};
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
