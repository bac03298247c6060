// What a device's own meter says.
#pragma once

#include <string>

namespace saccade::compute {

/// Energy used since a moment that only the meter knows: differences mean something.
struct Energy {
  double joules = 0.0;
  std::string source;  ///< what was read: "RAPL, 1 package"
};

}  // namespace saccade::compute
