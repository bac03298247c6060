// An answer as --json prints it.
#pragma once

#include <boost/json/object.hpp>

#include "saccade/request.h"

namespace saccade::cli {

/// `with_logprobs` adds the list, which has an entry for each token.
boost::json::object result_json(const Result& result, bool with_logprobs);

/// Of an answer by a server: what servers tell.
boost::json::object remote_result_json(const Result& result);

/// Milliseconds and rates are rounded to what a clock can tell.
boost::json::object timings_json(const Timings& timings);

/// Rounds to microseconds, or thousandths of whatever else it is.
double rounded(double value);

}  // namespace saccade::cli
