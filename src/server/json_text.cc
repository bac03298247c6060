#include "server/json_text.h"

#include <boost/json.hpp>

namespace saccade::server {
namespace json = boost::json;

std::string escaped_json(std::string_view text) {
  const std::string quoted = json::serialize(json::string(text.data(), text.size()));
  return quoted.substr(1, quoted.size() - 2);
}

std::string python_literal(std::string_view text) {
  if (text == "True") return "true";
  if (text == "False") return "false";
  if (text == "None") return "null";
  return std::string(text);
}

}  // namespace saccade::server
