// Whether the files of a library are still what they were.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "photos/library.h"

namespace saccade::photos {

struct VerifyCounts {
  std::int64_t good = 0;
  std::int64_t missing = 0;
  std::int64_t changed = 0;  ///< the file has other bytes now
  std::int64_t unreadable = 0;
  std::int64_t thumbnails = 0;  ///< small pictures that were gone and are queued to be made again
  bool database_is_sound = true;
};

/// Reads every file and compares its digest, checks the database, and notes what is missing. Gives
/// a line for each finding to `report`. Changes nothing else: `saccade photos add` imports changed
/// files.
VerifyCounts verify_library(Library& library,
                            const std::function<void(const std::string&)>& report);

}  // namespace saccade::photos
