// saccade::convert to GGUF files.
#include <gtest/gtest.h>

#include "checkpoints.h"

namespace saccade::conversion {
namespace {}  // namespace
}  // namespace saccade::conversion
