// An answer that should be JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace saccade::photos {

/// The JSON value in a model's answer, text and code fences around it left out, if it is as
/// `schema` (JSON Schema; empty: anything) says. Throws Error with what is wrong.
boost::json::value parse_answer(const std::string& text, const std::string& schema);

}  // namespace saccade::photos
