// JSON as this program prints it.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace saccade {

/// One line of JSON: keys in the order they were added, numbers in their shortest exact form
/// without needless exponents, text that is not UTF-8 repaired, and null for a number that is not
/// finite.
std::string json_text(const boost::json::value& value);

}  // namespace saccade
