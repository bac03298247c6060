#include "compute/cuda/quant_gemm_kernel.cuh"

namespace saccade::compute::cuda {

SACCADE_QUANT_GEMM_KERNELS(CodeKind::kInt5, ScaleUnit::kPair, ScaleUnit::kChunk)

}  // namespace saccade::compute::cuda
