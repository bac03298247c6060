// What a model said in JSON, as single statements that a person can accept or reject.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::photos {

struct TagValue {
  std::string field;                 ///< "objects", or of nested objects "scene.place"
  std::string value;                 ///< "coffee cup"
  std::string details;               ///< what else was said of it, a JSON object; empty: nothing
  std::optional<double> confidence;  ///< where the answer has a number of that name
};

/// The statements of an answer, in its order and each once: of every text, number and boolean its
/// field and value; of an object in a list one statement whose value is its `name`, `value` or
/// `label`, or else its texts with blanks between, and whose details are its other members.
std::vector<TagValue> tag_values(const boost::json::value& document);

/// A value as it is compared: lower case, blanks trimmed and single.
std::string tag_key(std::string_view value);

/// The texts at a path such as "objects.name" or "people.wardrobe", lists on the way flattened.
std::vector<std::string> texts_at(const boost::json::value& document, std::string_view path);

}  // namespace saccade::photos
