// JSON as people read it.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace saccade::conversion {

/// Indented by four, keys in alphabetical order, as MLX writes configurations.
std::string pretty_json(const boost::json::value& value);

}  // namespace saccade::conversion
