// What entries on a disk depend on beside their key.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "compute/device.h"
#include "engine/disk_store.h"
#include "saccade/engine.h"

namespace saccade::engine {

/// SHA-256 over the contents of the model's files, what computes with them (this build, device and
/// instruction set) and the options that change results. Contents are read once: they are
/// remembered in the store for as long as a file is the same one, unchanged (its inode's change
/// time, which nobody can set). Throws Error when a file cannot be read or the model has none.
std::string model_fingerprint(const checkpoint::Checkpoint& checkpoint,
                              const compute::Device& device, const EngineOptions& options,
                              DiskStore& store);

}  // namespace saccade::engine
