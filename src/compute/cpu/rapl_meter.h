// The energy that processors report: Intel's and AMD's RAPL, as Linux shows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "compute/energy.h"

namespace saccade::compute::cpu {

/// Adds up the packages of a machine: cores, caches and memory controllers, of all programs.
/// Reading it wants rights that most systems give to root alone, and virtual machines have none of
/// it.
class RaplMeter {
 public:
  /// `powercap` is the folder of the kernel's power capping framework.
  explicit RaplMeter(const std::filesystem::path& powercap = "/sys/class/powercap");

  /// Since the meter was made; nothing where no package can be read. Two calls must not be further
  /// apart than a counter takes to start anew, which is minutes.
  std::optional<Energy> read();

 private:
  struct Package {
    std::filesystem::path counter;
    std::int64_t range = 0;  // in microjoules, after which it starts anew; 0: never
    std::int64_t last = 0;
  };
  std::vector<Package> packages_;
  double joules_ = 0.0;
};

}  // namespace saccade::compute::cpu
