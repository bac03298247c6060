// Reading JSON documents with errors that name the file and the key.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade {

/// Parses `text`; `where` names the source in the error. Depth is limited, so hostile nesting is an
/// error. Throws Error with line and column.
boost::json::value parse_json(std::string_view text, std::string_view where);

/// Reads and parses a whole file. Throws Error when it is missing or not JSON.
boost::json::value read_json_file(const std::filesystem::path& path);

/// Reads a whole file into memory. Throws Error.
std::string read_text_file(const std::filesystem::path& path);

/// A view of one JSON object that knows where it came from: `config.json: vision_config`.
/// Every getter throws Error naming the key, the wanted type and the value found. A key whose value
/// is null counts as absent.
class JsonObject {
 public:
  /// Throws unless `value` is an object. `value` must outlive this view.
  JsonObject(const boost::json::value& value, std::string where);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const boost::json::value* find(std::string_view key) const;
  const boost::json::value& at(std::string_view key) const;
  const std::string& where() const { return where_; }
  const boost::json::object& raw() const { return *object_; }

  JsonObject object(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  bool boolean(std::string_view key) const;
  std::string string(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;

  std::int64_t integer_or(std::string_view key, std::int64_t otherwise) const;
  double number_or(std::string_view key, double otherwise) const;
  bool boolean_or(std::string_view key, bool otherwise) const;
  std::string string_or(std::string_view key, std::string_view otherwise) const;

  /// A count such as a number of layers: an integer in [low, high].
  std::int64_t integer_in(std::string_view key, std::int64_t low, std::int64_t high) const;

 private:
  [[noreturn]] void wrong_type(std::string_view key, std::string_view wanted,
                               const boost::json::value& found) const;

  const boost::json::object* object_;
  std::string where_;
};

}  // namespace saccade
