// refused: cannot initialize a variable of type 'const float
// A pointer that forgets where it points into.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

struct BadArgs {
  GPU_GLOBAL const float* x;
};

GPU_FN float bad(GPU_CONSTANT BadArgs& args) {
  const float* x = args.x;
  return x[0];
}

}  // namespace gpu
}  // namespace saccade
