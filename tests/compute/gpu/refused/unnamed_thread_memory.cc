// refused: a pointer or reference without its memory: float
// A reference into the thread's own memory that does not say so.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

GPU_FN void bad(float& x) {
  x = 1.0f;
}

}  // namespace gpu
}  // namespace saccade
