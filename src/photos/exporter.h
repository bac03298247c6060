// Taking what the library knows elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "photos/library.h"

namespace saccade::photos {

enum class ExportFormat { kJsonLines, kCsv, kXmp };

/// "jsonl", "csv" or "xmp"; throws Error (usage) for another word.
ExportFormat parse_export_format(const std::string& word);

struct ExportOptions {
  ExportFormat format = ExportFormat::kJsonLines;
  bool gps = false;  ///< where photos were taken
  bool only_accepted =
      false;  ///< what a person has accepted, edited or added; otherwise proposed too
  /// kXmp: writes over a sidecar file that Saccade did not write.
  bool overwrite = false;
};

struct ExportCounts {
  std::int64_t photos = 0;
  std::int64_t skipped = 0;  ///< kXmp: files that are gone, and sidecars of other programs
};

/// Gives the lines of JSON or CSV to `write`. kXmp writes PHOTO.xmp (IMG_1.jpg.xmp) beside each
/// file and gives their paths to `write`. Throws Error.
ExportCounts export_library(const Library& library, const ExportOptions& options,
                            const std::function<void(std::string_view)>& write);

}  // namespace saccade::photos
