// What bench prints, as text for people and as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>

#include "saccade/bench.h"

namespace saccade::cli {

/// `model` is what was measured, as the user named it.
std::string bench_text(const BenchReport& report, const std::string& model);
/// {"machine": {...}, "rows": [...]} of one or more reports, which differ in the number of threads.
boost::json::object bench_json(std::span<const BenchReport> reports, const std::string& model);

}  // namespace saccade::cli
