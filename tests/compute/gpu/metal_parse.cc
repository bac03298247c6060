// Parsed, never run: takes the address of every shared kernel, so that clang checks its body.
#include "compute/gpu/kernels/kernels.h"

namespace saccade {
namespace gpu {

#define SACCADE_PARSE(name, body, Args, threads) \
  void (*const parse_##name)(GPU_CONSTANT Args&, GPU_SHARED u8*, Group) = body;
SACCADE_GPU_KERNELS(SACCADE_PARSE)

}  // namespace gpu
}  // namespace saccade
