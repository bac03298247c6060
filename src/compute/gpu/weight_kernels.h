// How the kernels that take packed weights are launched.
#pragma once

#include <cstdint>
#include <vector>

#include "compute/gpu/kernel_table.h"
#include "compute/gpu/kernels/kernels.h"

namespace saccade::compute::gpu {

struct GemvPlan {
  Kernel kernel{};
  Grid grid;                          ///< y: rows of activations
  saccade::gpu::GemvTiling tiling{};  ///< GemvArgs::tiling
  double estimated_us = 0.0;          ///< only good for comparing launches of one product
};

/// The launch for `rows` rows of `n` results each on a device with `processors` multiprocessors;
/// gated as in GemvArgs.
GemvPlan gemv_plan(const saccade::gpu::WeightView& weight, std::int64_t n, bool gated,
                   std::int64_t rows, int processors);

/// All launches that gemv_plan chooses from, for measuring.
std::vector<GemvPlan> gemv_plans(const saccade::gpu::WeightView& weight, std::int64_t n, bool gated,
                                 std::int64_t rows, int processors);

struct DequantizePlan {
  Kernel kernel{};
  Grid grid;
  std::uint32_t column_groups = 0;  ///< DequantizeArgs::column_groups
};

/// The launch that writes `rows` rows of `y_stride` numbers.
DequantizePlan dequantize_plan(const saccade::gpu::WeightView& weight, std::int64_t rows,
                               std::int64_t y_stride);

/// The launch of quantize_rows for rows of `chunks` chunks.
Grid quantize_grid(std::int64_t rows, std::int64_t chunks, int processors);

}  // namespace saccade::compute::gpu
