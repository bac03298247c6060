// refused: infinite-recursion
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

GPU_FN u32 bad(u32 n) {
  return n + bad(n - 1);
}

}  // namespace gpu
}  // namespace saccade
