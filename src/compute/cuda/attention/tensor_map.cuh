// Descriptions of matrices for the tensor memory accelerator.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace saccade::compute::cuda {

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

/// The driver's function, found through the runtime: nothing links to the driver's library.
inline EncodeTiled find_encode_tiled() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function,
                                                             12000, cudaEnableDefault, &found);
  if (error != cudaSuccess || found != cudaDriverEntryPointSuccess) return nullptr;
  return reinterpret_cast<EncodeTiled>(function);
}

/// What one copy takes of a matrix; rows of 64 or 128 bytes, which is the pattern of its swizzle.
struct MapBox {
  int rows = 64;
  int columns = 64;
};

/// Describes an f16 matrix [rows, columns] whose rows are `stride` elements apart, in boxes that
/// lie in shared memory as hopper::PartedTile wants those of 64 columns. Columns and rows outside
/// are copied as zeros.
inline cudaError_t make_map(const void* data, std::int64_t rows, std::int64_t columns,
                            std::int64_t stride, CUtensorMap& map, const MapBox& map_box = {}) {
  static const EncodeTiled encode = find_encode_tiled();
  if (encode == nullptr) return cudaErrorNotSupported;
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride) * 2};
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(map_box.columns),
                             static_cast<cuuint32_t>(map_box.rows)};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2, const_cast<void*>(data), sizes, strides, box,
             steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             map_box.columns == 64 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace saccade::compute::cuda
