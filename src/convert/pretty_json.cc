#include "convert/pretty_json.h"

#include <map>

namespace saccade::conversion {
namespace {

void print(const boost::json::value& value, std::size_t depth, std::string& to) {
  const std::string line = "\n" + std::string(4 * (depth + 1), ' ');
  const std::string end = "\n" + std::string(4 * depth, ' ');
  const char* separator = "";
  if (const auto* object = value.if_object(); object && !object->empty()) {
    std::map<std::string_view, const boost::json::value*> sorted;
    for (const auto& [key, item] : *object) sorted.emplace(key, &item);
    to += '{';
    for (const auto& [key, item] : sorted) {
      to += separator + line + boost::json::serialize(boost::json::string(key)) + ": ";
      print(*item, depth + 1, to);
      separator = ",";
    }
    to += end + '}';
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    to += '[';
    for (const boost::json::value& item : *array) {
      to += separator + line;
      print(item, depth + 1, to);
      separator = ",";
    }
    to += end + ']';
  } else {
    to += boost::json::serialize(value);
  }
}

}  // namespace

std::string pretty_json(const boost::json::value& value) {
  std::string text;
  print(value, 0, text);
  return text + "\n";
}

}  // namespace saccade::conversion
