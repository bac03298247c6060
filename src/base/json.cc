#include "base/json.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/error.h"

namespace saccade {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// The text of a value, short enough to stand in a one-line error.
std::string excerpt(const boost::json::value& value) {
  std::string text = boost::json::serialize(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string position(std::string_view text, std::size_t offset) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i < std::min(offset, text.size()); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

boost::json::value parse_json(std::string_view text, std::string_view where) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::stream_parser parser({}, options);
  boost::json::error_code error;
  const std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  if (error) {
    fail("{}: not valid JSON at {}: {}", where, position(text, consumed), error.message());
  }
  for (std::size_t i = consumed; i < text.size(); ++i) {
    if (std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos) {
      fail("{}: not valid JSON at {}: text after the end", where, position(text, i));
    }
  }
  return parser.release();
}

std::string read_text_file(const std::filesystem::path& path) {
  std::error_code status;
  if (std::filesystem::is_directory(path, status)) {
    fail("{}: wanted a file, found a directory", path.string());
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  return text;
}

boost::json::value read_json_file(const std::filesystem::path& path) {
  return parse_json(read_text_file(path), path.string());
}

JsonObject::JsonObject(const boost::json::value& value, std::string where)
    : object_(value.if_object()), where_(std::move(where)) {
  if (!object_) fail("{}: wanted a JSON object, found {}", where_, excerpt(value));
}

const boost::json::value* JsonObject::find(std::string_view key) const {
  const boost::json::value* value = object_->if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

const boost::json::value& JsonObject::at(std::string_view key) const {
  const boost::json::value* value = find(key);
  if (!value) fail("{}: \"{}\" is missing", where_, key);
  return *value;
}

void JsonObject::wrong_type(std::string_view key, std::string_view wanted,
                            const boost::json::value& found) const {
  fail("{}: \"{}\" must be {}, found {}", where_, key, wanted, excerpt(found));
}

JsonObject JsonObject::object(std::string_view key) const {
  return JsonObject(at(key), fmt::format("{}: {}", where_, key));
}

std::int64_t JsonObject::integer(std::string_view key) const {
  const boost::json::value& value = at(key);
  if (value.is_int64()) return value.get_int64();
  if (value.is_double()) {
    // Some writers print whole numbers as 1e6 or 32.0.
    const double number = value.get_double();
    if (number == std::floor(number) && std::abs(number) < 9e15) {
      return static_cast<std::int64_t>(number);
    }
  }
  wrong_type(key, "an integer", value);
}

double JsonObject::number(std::string_view key) const {
  const boost::json::value& value = at(key);
  if (!value.is_number()) wrong_type(key, "a number", value);
  return value.to_number<double>();
}

bool JsonObject::boolean(std::string_view key) const {
  const boost::json::value& value = at(key);
  if (!value.is_bool()) wrong_type(key, "true or false", value);
  return value.get_bool();
}

std::string JsonObject::string(std::string_view key) const {
  const boost::json::value& value = at(key);
  if (!value.is_string()) wrong_type(key, "a string", value);
  return std::string(value.get_string());
}

std::vector<std::int64_t> JsonObject::integers(std::string_view key) const {
  const boost::json::value& value = at(key);
  if (!value.is_array()) wrong_type(key, "a list of integers", value);
  std::vector<std::int64_t> numbers;
  for (const boost::json::value& item : value.get_array()) {
    if (!item.is_int64()) wrong_type(key, "a list of integers", value);
    numbers.push_back(item.get_int64());
  }
  return numbers;
}

std::int64_t JsonObject::integer_or(std::string_view key, std::int64_t otherwise) const {
  return has(key) ? integer(key) : otherwise;
}

double JsonObject::number_or(std::string_view key, double otherwise) const {
  return has(key) ? number(key) : otherwise;
}

bool JsonObject::boolean_or(std::string_view key, bool otherwise) const {
  return has(key) ? boolean(key) : otherwise;
}

std::string JsonObject::string_or(std::string_view key, std::string_view otherwise) const {
  return has(key) ? string(key) : std::string(otherwise);
}

std::int64_t JsonObject::integer_in(std::string_view key, std::int64_t low,
                                    std::int64_t high) const {
  const std::int64_t value = integer(key);
  if (value < low || value > high) {
    fail("{}: \"{}\" must lie in [{}, {}], found {}", where_, key, low, high, value);
  }
  return value;
}

}  // namespace saccade
