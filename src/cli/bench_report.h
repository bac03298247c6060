// What bench prints, as text for people and as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "saccade/bench.h"

namespace saccade::cli {

/// `model` is what was measured, as the user named it.
std::string bench_text(const BenchReport& report, const std::string& model);
boost::json::object bench_json(const BenchReport& report, const std::string& model);

}  // namespace saccade::cli
