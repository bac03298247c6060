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

constexpr std::int64_t kMinWarps = 4;
constexpr std::int64_t kMaxWarps = saccade::gpu::kGemvThreads / kLanes;
/// A group of at most this many warps leaves room for one of the next launch, which then starts
/// before this one ends. Where a multiprocessor reads little, that is worth more than having more
/// reads on their way: [3584, 3584] at 4 bits takes 3.8 us with 14 warps and 4.6 us with 28, while
/// [4608, 3584] is fastest with 20 (H200).
constexpr std::int64_t kSmallWarps = kMaxWarps / 2;
constexpr std::int64_t kSmallBytes = 60000;  ///< of codes, of a multiprocessor

/// The work of a product's groups, and an estimate of what it takes on an H200. (Only relations
/// between choices matter: what the estimate leaves out is the same for all.)
struct ProductWork {
  std::int64_t units, tile_rows, tiles, groups, pieces, steps, filled;

  ProductWork(const ProductShape& shape, std::int64_t inputs, std::int64_t n, bool gated,
              int processors, std::int64_t lanes, std::int64_t split_shift) {
    units = ceil_div(inputs, shape.unit_inputs);
    steps = ceil_div(units, lanes << split_shift);
    filled = steps * (lanes << split_shift);
    tile_rows = shape.lane_rows * kLanes / lanes;
    tiles = ceil_div(n, tile_rows);
    groups = std::min<std::int64_t>(tiles, processors);
    pieces = ceil_div(tiles, groups) * (gated ? 2 : 1) << split_shift;
  }

  saccade::gpu::GemvTiling tiling(std::int64_t lanes, std::int64_t split_shift) const {
    const auto number = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
    return {.lane_shift = lanes == 32   ? 5u
                          : lanes == 16 ? 4u
                                        : 3u,
            .split_shift = number(split_shift),
            .units = number(units),
            .steps = number(steps),
            .tiles = number(tiles / groups),
            .extra = number(tiles % groups)};
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

namespace {

/// Calls take(plan) for every launch that there is.
template <typename Take>
void for_each_plan(const WeightView& weight, std::int64_t n, bool gated, std::int64_t rows,
                   int processors, const Take& take) {
  const KernelsOf& kernels = kernels_of(weight);
  const auto number = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  for (const std::int64_t lanes : {32, 16, 8}) {
    for (const std::int64_t split_shift : {0, 1, 2}) {
      const ProductWork work(kernels.shape, weight.inputs, n, gated, processors, lanes,
                             split_shift);
      const std::int64_t bytes =
          ceil_div(gated ? 2 * n : n, work.groups) * work.units * kernels.shape.word_bytes;
      const std::int64_t most = bytes <= kSmallBytes ? kSmallWarps : kMaxWarps;
      GemvPlan plan{.kernel = kernels.gemv,
                    .grid = {.x = number(work.groups),
                             .y = number(rows),
                             .shared_bytes = number(work.filled * kernels.shape.unit_bytes +
                                                    kLanes * 4 + work.pieces * work.tile_rows * 4)},
                    .tiling = work.tiling(lanes, split_shift)};
      for (std::int64_t warps = kMinWarps; warps <= most; ++warps) {
        plan.grid.threads = number(warps) * kLanes;
        plan.estimated_us = work.estimated_us(kernels.shape, warps);
        take(plan);
      }
    }
  }
}

}  // namespace

std::vector<GemvPlan> gemv_plans(const WeightView& weight, std::int64_t n, bool gated,
                                 std::int64_t rows, int processors) {
  std::vector<GemvPlan> plans;
  for_each_plan(weight, n, gated, rows, processors,
                [&](const GemvPlan& plan) { plans.push_back(plan); });
  return plans;
}

GemvPlan gemv_plan(const WeightView& weight, std::int64_t n, bool gated, std::int64_t rows,
                   int processors) {
  GemvPlan best;
  for_each_plan(weight, n, gated, rows, processors, [&](const GemvPlan& plan) {
    if (best.grid.threads == 0 || plan.estimated_us < best.estimated_us) best = plan;
  });
  return best;
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

Grid quantize_grid(std::int64_t rows, std::int64_t chunks, int processors) {
  // A few rows are spread over the processors; many have enough groups as they are.
  const std::int64_t items = chunks * saccade::gpu::kChunkLanes;
  const std::int64_t side_by_side =
      std::clamp<std::int64_t>(2 * processors / std::max<std::int64_t>(1, rows), 1,
                               ceil_div(items, saccade::gpu::kQuantizeThreads));
  return {.x = static_cast<std::uint32_t>(side_by_side),
          .y = static_cast<std::uint32_t>(rows),
          .threads = saccade::gpu::kQuantizeThreads,
          .shared_bytes = 0};
}

}  // namespace saccade::compute::gpu
