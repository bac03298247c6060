// refused: poisoned
// half is a type of Metal's.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

GPU_FN u32 bad(u32 half) {
  return half / 2;
}

}  // namespace gpu
}  // namespace saccade
