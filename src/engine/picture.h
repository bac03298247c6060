// A picture of a request on its way from a file's bytes to what stands in the prompt.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "engine/disk_tier.h"
#include "media/patches.h"
#include "tensor/tensor.h"

namespace saccade::engine {

struct Picture {
  /// Its digest and sizes; the values only until the tower has taken them, and not where the file
  /// was known already.
  media::Patches patches;
  /// Decodes and cuts it once more. Safe to call beside the engine's thread. Throws Error.
  std::function<media::Patches()> process;
  /// Null until PictureEncoder has seen to it.
  std::shared_ptr<const Tensor> embeddings;
  DiskTier::Bytes stored;   ///< what a disk had of them, as pack_embeddings made it
  std::string error;        ///< why there will be none
  bool wanted = false;      ///< the encoder knows of it
  bool from_cache = false;  ///< the embeddings were there already
  double vision_ms = 0.0;   ///< that the tower ran for it
  /// Hears when each slice of that began, at its end; on the thread of those who wait for it.
  std::function<void(std::chrono::steady_clock::time_point)> on_slice;
};

}  // namespace saccade::engine
