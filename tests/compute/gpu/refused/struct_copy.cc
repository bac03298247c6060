// refused: no matching constructor
// A struct copied out of device memory as a whole.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

struct Two {
  float a, b;
};

GPU_FN float bad(GPU_GLOBAL const Two* from) {
  const Two two = from[1];
  return two.a + two.b;
}

}  // namespace gpu
}  // namespace saccade
