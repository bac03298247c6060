// A JSON Schema before it is compiled: every keyword known, every reference resolved.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace saccade::grammar {

/// A schema (2 * its id) or its negation (2 * its id + 1).
using Literal = std::uint32_t;
inline constexpr Literal kTrue = 0;
inline constexpr Literal kFalse = 1;
constexpr Literal negated(Literal literal) {
  return literal ^ 1;
}

/// Checks all schemas of a document, also those that nothing refers to: a keyword that is unknown,
/// not supported or of the wrong type is an Error with its path.
class SchemaDocument {
 public:
  SchemaDocument(const boost::json::value& root, std::string where);
  SchemaDocument(const SchemaDocument&) = delete;

  Literal root() const { return literal_of(*root_); }
  /// Of a schema that stands in the document.
  Literal literal_of(const boost::json::value& schema) const;
  /// Of a schema that allows this value alone.
  Literal constant(const boost::json::value& value, std::string path);
  const boost::json::value& schema(Literal literal) const { return *schemas_[literal / 2].value; }
  /// For errors: the file, and the place in it as a JSON pointer.
  std::string path(Literal literal) const;
  /// Where "$ref" leads.
  Literal target(std::string_view reference, Literal from) const;

  [[noreturn]] void refuse(Literal literal, std::string_view what) const;

 private:
  struct Schema {
    const boost::json::value* value;
    std::string path;
  };
  void add(const boost::json::value& value, const std::string& path);
  void check_object(const boost::json::object& object, const std::string& path);
  void check_keyword(std::string_view key, const boost::json::value& value,
                     const std::string& path);
  void check_plain(int kind, std::string_view key, const boost::json::value& value,
                   const std::string& path) const;
  [[noreturn]] void fail_at(const std::string& path, std::string_view what) const;

  std::string where_;
  std::deque<boost::json::value> values_;  // the document, and constants
  const boost::json::value* root_ = nullptr;
  std::vector<Schema> schemas_;
  std::unordered_map<const boost::json::value*, std::uint32_t> ids_;
  std::map<std::string, const boost::json::value*, std::less<>> by_path_;
  std::map<std::string, const boost::json::value*, std::less<>> anchors_;
};

}  // namespace saccade::grammar
