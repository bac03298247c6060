// refused: double
// 0.5 is a double.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

GPU_FN float bad(float x) {
  return 0.5 * x;
}

}  // namespace gpu
}  // namespace saccade
