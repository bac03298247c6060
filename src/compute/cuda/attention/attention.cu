// Which kernel answers which call.
#include "compute/cuda/attention/attention.h"

#include <limits>

#include "compute/cuda/attention/launch.cuh"

namespace saccade::compute::cuda {
namespace {

constexpr int kAnyRows = std::numeric_limits<int>::max();

}  // namespace

bool attention_supported(const AttentionShape& shape, int major) {
  return major >= 8 && shape.head_dim > 0 && shape.head_dim <= 256 && shape.head_dim % 2 == 0 &&
         shape.num_kv_heads > 0 && shape.num_heads % shape.num_kv_heads == 0;
}

cudaError_t prefill_attention(cudaStream_t stream, const PrefillArgs& args) {
  if (args.num_spans == 0 || args.num_rows == 0) return cudaSuccess;
  if (!args.portable && prefill_wgmma_fits(args)) return prefill_wgmma(stream, args);
  return prefill_mma(stream, args);
}

cudaError_t segment_attention(cudaStream_t stream, const SegmentArgs& args) {
  if (args.num_segments == 0 || args.max_segment_rows == 0) return cudaSuccess;
  if (args.portable || !segment_wgmma_fits(args)) return segment_mma(stream, args, 1, kAnyRows);
  if (args.min_segment_rows <= kSmallSegmentRows) {
    const cudaError_t error = segment_mma(stream, args, 1, kSmallSegmentRows);
    if (error != cudaSuccess) return error;
  }
  if (args.max_segment_rows <= kSmallSegmentRows) return cudaSuccess;
  return segment_wgmma(stream, args, kSmallSegmentRows + 1, kAnyRows);
}

}  // namespace saccade::compute::cuda
