// refused: a constant without GPU_CONSTEXPR: constexpr u32 kBad
// Metal wants variables outside of functions in constant memory.
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

constexpr u32 kBad = 3;

}  // namespace gpu
}  // namespace saccade
