// The devices of this machine, by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/device.h"

namespace saccade::compute {

struct DeviceOptions {
  /// "auto": the first GPU that works, otherwise the CPU; "cpu"; "cuda" or "cuda:N".
  std::string device = "auto";
  int threads = 0;              ///< of the CPU; 0: one for each core this process may use
  std::string instruction_set;  ///< of the CPU; empty: the best
  /// Everything in float32. Otherwise inputs of quantized weights are rounded to int8 where that is
  /// fast, and a GPU keeps what passes between layers in float16.
  bool exact = false;
  /// Every result has the same bits whatever stands beside it in a batch. The CPU's always have; a
  /// GPU is slower then.
  bool batch_invariant = false;
};

/// Throws Error for a name that is no device, for a device that is not here, and when it cannot be
/// used.
std::unique_ptr<Device> make_device(const DeviceOptions& options);

/// The CPU, and the GPUs that this build can use.
std::vector<DeviceInfo> list_devices(const DeviceOptions& options);

}  // namespace saccade::compute
