// refused: poisoned
#include "compute/gpu/kernels/portable.h"

namespace saccade {
namespace gpu {

struct Bad {
  virtual float value() const;
};

}  // namespace gpu
}  // namespace saccade
