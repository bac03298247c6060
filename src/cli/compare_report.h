// What compare prints, as text for people and as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "saccade/compare.h"

namespace saccade::cli {

std::string compare_text(const CompareReport& report);
boost::json::object compare_json(const CompareReport& report);

/// "A: loading, 40 %", "B: [====>           ] question 3 of 8".
std::string compare_progress_text(const CompareProgress& progress);

}  // namespace saccade::cli
