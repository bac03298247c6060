#include "compute/cuda/gemv/stream_kernel.cuh"
#include "compute/cuda/gemv/stream_table.h"

namespace saccade::compute::cuda::stream {
namespace {

template <CodeKind kCodes, ScaleKind kScales, NumberKind kNumbers>
StreamKernel kernel_of(std::uint32_t group_bytes, std::uint32_t chunk_bytes) {
  using P = Planes<kCodes>;
  return {.codes = kCodes,
          .scales = kScales,
          .numbers = kNumbers,
          .low_words = P::kLowWords,
          .high_words = P::kHighWords,
          .group_bytes = group_bytes,
          .chunk_bytes = chunk_bytes,
          .unit_bytes = IntegerProduct<kCodes, kScales, kNumbers>::kUnitBytes,
          .entry = reinterpret_cast<const void*>(&stream_gemv_kernel<kCodes, kScales, kNumbers>)};
}

}  // namespace

std::span<const StreamKernel> stream_kernels() {
  static const StreamKernel kKernels[] = {
      kernel_of<CodeKind::kInt4, ScaleKind::kScaleOffset, NumberKind::kBf16>(4, 0),
      kernel_of<CodeKind::kInt4, ScaleKind::kScaleOffset, NumberKind::kF16>(4, 0),
      kernel_of<CodeKind::kInt4, ScaleKind::kScaleZero, NumberKind::kF16>(4, 0),
      kernel_of<CodeKind::kInt4, ScaleKind::kScale, NumberKind::kF16>(2, 0),
      kernel_of<CodeKind::kInt4, ScaleKind::kParts8Min, NumberKind::kAny>(4, 2),
  };
  return kKernels;
}

}  // namespace saccade::compute::cuda::stream
