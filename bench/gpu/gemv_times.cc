// Times of single products, in gemv_plan's launches and in others, and of dequantizing.
#include <span>
#include <string_view>

#include "compute/gpu/weight_layout.h"
#include "gemv_bench.h"
#include "gemv_inputs.h"

namespace saccade::compute::gpu {

void time_kernels(double copy_rate) {
  const Buffers buffers;
  for (const NamedFormat& format : kFormats) {
    std::printf("%-6s", format.name);
    for (const Shape& shape : kShapes) {
      std::vector<std::unique_ptr<TimedWeight>> weights;
      double bytes = 0.0;
      while (bytes < 4e8) {
        weights.push_back(
            std::make_unique<TimedWeight>(format.format, shape.outputs, shape.inputs));
        bytes += weights.back()->bytes();
      }
      const double us = time_us([&](cudaStream_t stream) {
        for (const auto& weight : weights) {
          enqueue_gemv(weight->view(), shape.use, buffers, stream);
        }
      });
      std::printf(" %7.2f us %3.0f%%", us / static_cast<double>(weights.size()),
                  100.0 * bytes / us / copy_rate);
    }
    std::printf("\n");
  }
  const WeightView view = TimedWeight(kFormats[0].format, 64, 3584).view();
  for (const Shape& shape : kShapes) {
    WeightView shaped = view;
    shaped.inputs = static_cast<u32>(shape.inputs);
    const bool gated = shape.use == Use::kNormedGated;
    const GemvPlan plan =
        gemv_plan(shaped, gated ? shape.outputs / 2 : shape.outputs, gated, 1, processors());
    std::printf("  %ldx%ld: %u groups of %u, %u lanes, %u splits;", shape.outputs, shape.inputs,
                plan.grid.x, plan.grid.threads, 1u << plan.tiling.lane_shift,
                1u << plan.tiling.split_shift);
  }
  std::printf("\n");
}

/// The best launches of each shape, to hold gemv_plan's choice against.
void search_plans() {
  const Buffers buffers;
  for (const int index : {0, 3, 4}) {
    for (const Shape& shape : kShapes) {
      std::vector<std::unique_ptr<TimedWeight>> weights;
      double bytes = 0.0;
      while (bytes < 2e8) {
        weights.push_back(
            std::make_unique<TimedWeight>(kFormats[index].format, shape.outputs, shape.inputs));
        bytes += weights.back()->bytes();
      }
      const bool gated = shape.use == Use::kNormedGated;
      const std::int64_t n = gated ? shape.outputs / 2 : shape.outputs;
      std::vector<std::pair<double, GemvPlan>> found;
      for (const GemvPlan& plan : gemv_plans(weights[0]->view(), n, gated, 1, processors())) {
        const double us = time_us([&](cudaStream_t stream) {
          for (const auto& weight : weights) {
            enqueue_gemv(weight->view(), shape.use, buffers, stream, &plan);
          }
        });
        found.push_back({us / static_cast<double>(weights.size()), plan});
      }
      std::sort(found.begin(), found.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      std::printf("%s %ldx%ld:", kFormats[index].name, shape.outputs, shape.inputs);
      const GemvPlan own = gemv_plan(weights[0]->view(), n, gated, 1, processors());
      for (std::size_t i = 0; i < found.size(); ++i) {
        const GemvPlan& plan = found[i].second;
        const bool is_own = plan.grid.threads == own.grid.threads &&
                            plan.tiling.lane_shift == own.tiling.lane_shift &&
                            plan.tiling.split_shift == own.tiling.split_shift;
        if (i < 7 || is_own) {
          std::printf(" %s%.2f:%u/%u/%u", is_own ? "*" : "", found[i].first, plan.grid.threads / 32,
                      1u << plan.tiling.lane_shift, 1u << plan.tiling.split_shift);
        }
      }
      std::printf("\n");
    }
  }
}

void time_dequantize(double copy_rate) {
  for (const NamedFormat& format : kFormats) {
    std::vector<std::unique_ptr<TimedWeight>> weights;
    double bytes = 0.0;
    for (int i = 0; i < 4; ++i) {
      weights.push_back(std::make_unique<TimedWeight>(format.format, 18944, 3584));
      bytes += weights.back()->bytes() + 2.0 * 18944 * 3584;
    }
    DeviceArray<u16> dense(4L * 18944 * 3584);
    const DequantizePlan plan = dequantize_plan(weights[0]->view(), 18944, 3584);
    if (!function_of(plan.kernel)) continue;
    const double us = time_us([&](cudaStream_t stream) {
      for (int i = 0; i < 4; ++i) {
        DequantizeArgs args{};
        args.weight = weights[i]->view();
        args.y = dense.get() + i * 18944L * 3584;
        args.y_stride = 3584;
        args.rows = 18944;
        args.column_groups = plan.column_groups;
        args.y_type = NumberType::kF16;
        launch(plan.kernel, plan.grid, &args, stream);
      }
    });
    std::printf("%-6s [18944, 3584] to f16: %.1f us, %.0f%%\n", format.name, us / 4,
                100.0 * bytes / us / copy_rate);
  }
}

}  // namespace saccade::compute::gpu
