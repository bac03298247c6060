// refused: double
// Metal has no double.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

GPU_FN float bad(float x) {
  return float(double(x) * x);
}

}  // namespace gpu
}  // namespace saccade
