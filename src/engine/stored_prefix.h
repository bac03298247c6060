// Pages of a prompt that were found on a disk.
#pragma once

#include <vector>

#include "base/digest.h"
#include "engine/disk_tier.h"

namespace saccade::engine {

/// The pages that a prompt begins with, on their way into the prefix cache.
struct StoredPrefix {
  struct Page {
    Digest key;
    std::vector<Digest> tokens;
    DiskTier::Bytes bytes;  ///< empty: the cache in memory had it when it was looked for
  };
  std::vector<Page> pages;
  DiskTier::Bytes state;  ///< the recurrent state after the last of them, where it was read

  bool empty() const { return pages.empty(); }
};

}  // namespace saccade::engine
