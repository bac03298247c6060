// Names of the shared kernels, for those who launch them.
#pragma once

#include <cstdint>
#include <type_traits>

#include "compute/gpu/kernels/kernels.h"

namespace saccade::compute::gpu {

enum class Kernel : std::uint16_t {
#define SACCADE_GPU_NAME(name, body, args, threads) name,
  SACCADE_GPU_KERNELS(SACCADE_GPU_NAME)
#undef SACCADE_GPU_NAME
};

/// Thread groups of a launch, and what each has.
struct Grid {
  std::uint32_t x = 1, y = 1, z = 1;
  std::uint32_t threads = 0;       ///< of a group
  std::uint32_t shared_bytes = 0;  ///< of a group's shared memory
};

/// What a kernel takes: KernelArgs<Kernel::rms_norm_f32_f32> is RmsNormArgs.
template <Kernel kernel>
struct KernelArgsOf;
#define SACCADE_GPU_ARGS(name, body, args, threads)                  \
  template <>                                                        \
  struct KernelArgsOf<Kernel::name> {                                \
    using Type = saccade::gpu::args;                                 \
    static constexpr std::uint32_t kThreads = saccade::gpu::threads; \
  };
SACCADE_GPU_KERNELS(SACCADE_GPU_ARGS)
#undef SACCADE_GPU_ARGS
template <Kernel kernel>
using KernelArgs = typename KernelArgsOf<kernel>::Type;

}  // namespace saccade::compute::gpu
