// Packing quantized matrices for the kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "tensor/weight_format.h"

namespace saccade::compute::cpu {

/// Packs rows of matrices of one format and width, in parallel; the last panel is filled up with
/// zeros. Throws Error for weights that are not numbers.
std::shared_ptr<void> pack_quantized(std::span<const HostMatrix> parts, const QuantLayout& layout,
                                     ThreadPool& threads);

}  // namespace saccade::compute::cpu
