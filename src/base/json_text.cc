#include "base/json_text.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cmath>
#include <string_view>

#include "base/utf8.h"

namespace saccade {
namespace {

void append(std::string& out, const boost::json::value& value);

void append_string(std::string& out, std::string_view text) {
  out += boost::json::serialize(boost::json::string_view(valid_utf8(text)));
}

void append_object(std::string& out, const boost::json::object& object) {
  out += '{';
  const char* separator = "";
  for (const auto& member : object) {
    out += separator;
    append_string(out, {member.key().data(), member.key().size()});
    out += ": ";
    append(out, member.value());
    separator = ", ";
  }
  out += '}';
}

void append_array(std::string& out, const boost::json::array& array) {
  out += '[';
  const char* separator = "";
  for (const boost::json::value& item : array) {
    out += separator;
    append(out, item);
    separator = ", ";
  }
  out += ']';
}

/// boost::json::serialize would write 0.5 as 5E-1.
void append_number(std::string& out, double number) {
  out += std::isfinite(number) ? fmt::format("{}", number) : "null";
}

void append(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::object:
      return append_object(out, value.get_object());
    case boost::json::kind::array:
      return append_array(out, value.get_array());
    case boost::json::kind::string:
      return append_string(out, {value.get_string().data(), value.get_string().size()});
    case boost::json::kind::double_:
      return append_number(out, value.get_double());
    default:
      out += boost::json::serialize(value);
  }
}

}  // namespace

std::string json_text(const boost::json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace saccade
