#include "compute/gpu/weight_kernels.h"

#include <algorithm>
#include <cstdlib>

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
  std::int64_t stages;
  std::int64_t word_bytes;  ///< of a unit's codes
};

template <typename Product>
constexpr ProductShape shape_of() {
  using Shape = saccade::gpu::GemvShape<Product>;
  return {Product::kUnitInputs, Product::kUnitBytes, Shape::kRows, Shape::kStages,
          Product::kWords * 4};
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
        entry.numbers == NumberKind::kAny || (entry.numbers == NumberKind::kF16) == weight.is_f16;
    if (entry.codes == weight.codes && entry.scales == weight.scale_kind && numbers) return entry;
  }
  fail("[pack] codes of kind {} with scales of kind {} have no GPU kernels",
       static_cast<int>(weight.codes), static_cast<int>(weight.scale_kind));
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

#if !defined(SACCADE_GEMV_MAX_WARPS)
#define SACCADE_GEMV_MAX_WARPS (saccade::gpu::kGemvThreads / kLanes)
#endif
/// Of codes, for each group: what memory brings in the two or three microseconds that a launch
/// takes beside reading its weights.
const std::int64_t kPrefetchBytes =
    std::getenv("PREFETCH") ? std::atoi(std::getenv("PREFETCH")) : 0;
constexpr std::int64_t kMinWarps = 4;
constexpr std::int64_t kMaxWarps = SACCADE_GEMV_MAX_WARPS;

/// The work of a product's groups, and an estimate of what it takes on an H200. (Only relations
/// between choices matter: what the estimate leaves out is the same for all.)
struct ProductWork {
  std::int64_t row_bytes, tile_rows, groups, pieces, steps, filled;

  ProductWork(const ProductShape& shape, std::int64_t inputs, std::int64_t n, bool gated,
              int processors, std::int64_t lanes, std::int64_t split_shift) {
    const std::int64_t units = ceil_div(inputs, shape.unit_inputs);
    row_bytes = units * shape.word_bytes;
    steps = ceil_div(units, lanes << split_shift);
    filled = steps * (lanes << split_shift);
    tile_rows = shape.lane_rows * kLanes / lanes;
    const std::int64_t tiles = ceil_div(n, tile_rows);
    groups = std::min<std::int64_t>(tiles, processors);
    pieces = ceil_div(tiles, groups) * (gated ? 2 : 1) << split_shift;
  }

  double estimated_us(const ProductShape& shape, std::int64_t warps) const {
    // A multiprocessor gets 30 KB in a microsecond if it has as much on its way, and issues about
    // 4000 instructions, of which a unit takes 60.
    const auto in_flight = static_cast<double>(
        std::min<std::int64_t>(warps, pieces) * kLanes *
        std::min<std::int64_t>(steps * shape.lane_rows, shape.stages * shape.lane_rows) *
        shape.word_bytes);
    const double step_bytes = static_cast<double>(kLanes * shape.lane_rows * shape.word_bytes);
    const auto turns = static_cast<double>(ceil_div(pieces, warps) * steps);
    const double all = static_cast<double>(pieces * steps);
    const double reading = all * step_bytes / 30e3 * std::max(1.0, 40e3 / in_flight);
    // The last turn of warps is not full.
    const double idle = turns * static_cast<double>(warps) / all;
    const double items = static_cast<double>(filled * shape.unit_inputs / 256);
    const double filling = 0.4 + items * 80.0 / 4000.0 + 0.15 * items / static_cast<double>(warps);
    return reading * (0.7 + 0.3 * idle) + filling;
  }
};

}  // namespace

std::vector<GemvPlan> gemv_plans(const WeightView& weight, std::int64_t n, bool gated,
                                 std::int64_t rows, int processors) {
  const KernelsOf& kernels = kernels_of(weight);
  std::vector<GemvPlan> plans;
  for (const std::int64_t lanes : {32, 16, 8}) {
    for (const std::int64_t split_shift : {0, 1, 2}) {
      const ProductWork work(kernels.shape, weight.inputs, n, gated, processors, lanes,
                             split_shift);
      for (std::int64_t warps = kMinWarps; warps <= kMaxWarps; ++warps) {
        plans.push_back(
            {.kernel = kernels.gemv,
             .grid = {.x = static_cast<std::uint32_t>(work.groups),
                      .y = static_cast<std::uint32_t>(rows),
                      .threads = static_cast<std::uint32_t>(warps) * kLanes,
                      .shared_bytes = static_cast<std::uint32_t>(
                          work.filled * kernels.shape.unit_bytes + kLanes * 4 +
                          work.pieces * work.tile_rows * 4)},
             .lanes = static_cast<std::uint32_t>(lanes),
             .split_shift = static_cast<std::uint32_t>(split_shift),
             .prefetch_rows = static_cast<std::uint32_t>(kPrefetchBytes / work.row_bytes),
             .estimated_us = work.estimated_us(kernels.shape, warps)});
      }
    }
  }
  return plans;
}

GemvPlan gemv_plan(const WeightView& weight, std::int64_t n, bool gated, std::int64_t rows,
                   int processors) {
  const std::vector<GemvPlan> plans = gemv_plans(weight, n, gated, rows, processors);
  return *std::min_element(plans.begin(), plans.end(), [](const GemvPlan& a, const GemvPlan& b) {
    return a.estimated_us < b.estimated_us;
  });
}

DequantizePlan dequantize_plan(const WeightView& weight, std::int64_t rows, std::int64_t y_stride) {
  using saccade::gpu::kDequantizeRows;
  using saccade::gpu::kDequantizeThreads;
  const std::int64_t columns = kDequantizeThreads * saccade::gpu::kColumns;
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
