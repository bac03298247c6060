// Stands in for the wgmma kernels until they are written.
#include "compute/cuda/attention/launch.cuh"
namespace saccade::compute::cuda {
bool prefill_wgmma_fits(const PrefillArgs&) {
  return false;
}
cudaError_t prefill_wgmma(cudaStream_t, const PrefillArgs&) {
  return cudaErrorNotSupported;
}
bool segment_wgmma_fits(const SegmentArgs&) {
  return false;
}
cudaError_t segment_wgmma(cudaStream_t, const SegmentArgs&, int, int) {
  return cudaErrorNotSupported;
}
}  // namespace saccade::compute::cuda
