#include "compute/cuda/launch.h"

#include <array>
#include <mutex>

namespace saccade {
namespace gpu {
namespace {

template <typename Args, void (*body)(const Args&, u8*, Group), u32 threads>
__global__ void __launch_bounds__(threads) entry(const __grid_constant__ Args args) {
  extern __shared__ __align__(16) u8 shared[];
  body(args, shared, Group{});
}

#define SACCADE_STRIP(...) __VA_ARGS__
const void* const kEntries[] = {
#define SACCADE_ENTRY(name, body, args, threads) \
  reinterpret_cast<const void*>(&entry<args, SACCADE_STRIP body, threads>),
    SACCADE_GPU_KERNELS(SACCADE_ENTRY)
#undef SACCADE_ENTRY
};
#undef SACCADE_STRIP

}  // namespace
}  // namespace gpu

namespace compute::cuda {
namespace {

// More than this of shared memory must be allowed for each kernel before.
constexpr std::uint32_t kPlainSharedBytes = 48 << 10;

cudaError_t allow_shared(const void* entry, std::uint32_t bytes) {
  if (bytes <= kPlainSharedBytes) return cudaSuccess;
  return cudaFuncSetAttribute(entry, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              static_cast<int>(bytes));
}

}  // namespace

cudaError_t launch(gpu::Kernel kernel, const gpu::Grid& grid, const void* args,
                   cudaStream_t stream) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
  const void* entry = saccade::gpu::kEntries[static_cast<std::size_t>(kernel)];
  if (const cudaError_t error = allow_shared(entry, grid.shared_bytes)) return error;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y, grid.z);
  config.blockDim = dim3(grid.threads);
  config.dynamicSmemBytes = grid.shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  void* parameters[] = {const_cast<void*>(args)};
  return cudaLaunchKernelExC(&config, entry, parameters);
}

}  // namespace compute::cuda
}  // namespace saccade
