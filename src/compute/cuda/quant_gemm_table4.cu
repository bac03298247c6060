#include "compute/cuda/quant_gemm_kernel.cuh"

namespace saccade::compute::cuda {

SACCADE_QUANT_GEMM_KERNELS(CodeKind::kTable4, ScaleUnit::kChunk, ScaleUnit::kHalf)

}  // namespace saccade::compute::cuda
