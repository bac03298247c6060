// Which layout of the kernels each quantized format is packed into.
#pragma once

#include "compute/cpu/kernels/quant_layout.h"
#include "tensor/weight_format.h"

namespace saccade::compute::cpu {

/// The layout for a quantized matrix. Throws Error for a format without kernels.
QuantLayout quant_layout(const HostMatrix& matrix);

}  // namespace saccade::compute::cpu
