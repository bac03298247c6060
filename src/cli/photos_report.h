// What `saccade photos` prints.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "photos/importer.h"
#include "photos/photo_list.h"
#include "photos/progress.h"

namespace saccade::cli {

/// "12 photos added, 3 known, ...\n"
std::string scan_text(const photos::ScanCounts& counts);

std::string progress_text(const photos::Progress& progress);
std::string problems_text(const std::vector<photos::Problem>& problems);
boost::json::value status_json(const photos::Progress& progress,
                               const std::vector<photos::Problem>& problems);

/// `paths`: of each photo a file.
std::string search_text(const std::vector<photos::PhotoSummary>& found,
                        const std::vector<std::string>& paths);
boost::json::value search_json(const std::vector<photos::PhotoSummary>& found,
                               const std::vector<std::string>& paths);

}  // namespace saccade::cli
