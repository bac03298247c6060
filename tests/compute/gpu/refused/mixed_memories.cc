// refused: changes address space|no matching function|cannot initialize
// Shared memory taken for the device's. (Where a cast says so, clang is content; Metal is not.)
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

GPU_FN void bad(GPU_SHARED float* shared, GPU_THREAD float* to) {
  load_unit(shared, to);
}

}  // namespace gpu
}  // namespace saccade
