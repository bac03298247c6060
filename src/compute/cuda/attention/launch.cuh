// Host side of the launches: attributes, shared memory, padded head sizes, and the kernels' entry
// points that attention.cu chooses from.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "compute/cuda/attention/attention.h"
#include "compute/cuda/attention/softmax.cuh"

namespace saccade::compute::cuda {

struct LaunchShape {
  dim3 grid;
  int threads;
  int shared_bytes;
  int cluster = 1;  ///< blocks along x that run together
};

/// Launches `kernel`, on request as a programmatic dependent of the kernel before it.
template <class... Parameters>
cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
                   bool dependent, std::type_identity_t<Parameters>... arguments) {
  const cudaError_t raised =
      cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                           cudaFuncAttributeMaxDynamicSharedMemorySize, shape.shared_bytes);
  if (raised != cudaSuccess) return raised;
  cudaLaunchAttribute attributes[2];
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  config.attrs = attributes;
  if (dependent) {
    attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs].val.clusterDim.x = shape.cluster;
    attributes[config.numAttrs].val.clusterDim.y = 1;
    attributes[config.numAttrs++].val.clusterDim.z = 1;
  }
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

/// Calls `make` with the smallest head size that kernels are built for and that holds head_dim, as
/// std::integral_constant.
template <class Make>
cudaError_t with_padded_head_dim(int head_dim, Make make) {
  if (head_dim <= 32) return make(std::integral_constant<int, 32>());
  if (head_dim <= 64) return make(std::integral_constant<int, 64>());
  if (head_dim <= 80) return make(std::integral_constant<int, 80>());
  if (head_dim <= 96) return make(std::integral_constant<int, 96>());
  if (head_dim <= 128) return make(std::integral_constant<int, 128>());
  if (head_dim <= 192) return make(std::integral_constant<int, 192>());
  if (head_dim <= 256) return make(std::integral_constant<int, 256>());
  return cudaErrorInvalidValue;
}

inline ScoreMap score_map(const AttentionShape& shape) {
  constexpr float kLog2E = 1.44269504088896340736f;
  if (shape.softcap == 0.0f) return {shape.scale * kLog2E, 0.0f};
  return {shape.softcap * kLog2E, 2.0f * kLog2E * shape.scale / shape.softcap};
}

/// Whether rows that begin at `pointer`, `stride` elements apart, can be read 16 bytes at a time.
inline bool is_wide(const void* pointer, std::int64_t stride, int head_dim) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 && stride % 8 == 0 &&
         head_dim % 8 == 0;
}

/// More tiles of `tile_rows` packed rows than the spans of `args` can have.
inline std::int64_t max_tiles(const PrefillArgs& args, int tile_rows) {
  const int group = args.shape.num_heads / args.shape.num_kv_heads;
  return args.num_rows * group / tile_rows + args.num_spans;
}

/// Segments with more rows are the business of segment_wgmma, where that runs.
inline constexpr int kSmallSegmentRows = 64;

cudaError_t prefill_mma(cudaStream_t stream, const PrefillArgs& args);
/// Of segments with min_rows to max_rows rows.
cudaError_t segment_mma(cudaStream_t stream, const SegmentArgs& args, int min_rows, int max_rows);

/// Whether the current device runs wgmma and `kernel` was built for it (sm_90a).
inline bool runs_wgmma(const void* kernel) {
  int device = 0;
  int major = 0;
  int minor = 0;
  cudaFuncAttributes attributes;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
         cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess &&
         major == 9 && minor == 0 && cudaFuncGetAttributes(&attributes, kernel) == cudaSuccess &&
         attributes.ptxVersion >= 90;
}

/// What only 9.0 devices run; `..._fits` says whether the kernel is built for this call.
bool prefill_wgmma_fits(const PrefillArgs& args);
cudaError_t prefill_wgmma(cudaStream_t stream, const PrefillArgs& args);
bool segment_wgmma_fits(const SegmentArgs& args);
cudaError_t segment_wgmma(cudaStream_t stream, const SegmentArgs& args, int min_rows, int max_rows);

}  // namespace saccade::compute::cuda
