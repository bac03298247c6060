// Reading a request's JSON: every field is asked for by name, and what nobody asked for is an
// error.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/api_error.h"

namespace saccade::server {

/// One object of a request. Getters note the name as known; a field that is null counts as absent.
/// All throw ApiError (400) naming the field, what was wanted and what was found.
class Fields {
 public:
  /// `where` names the object in errors: "" for the request itself, "messages[0]". `value` must
  /// outlive this. `lenient`: done() forgives.
  Fields(const boost::json::value& value, std::string where, bool lenient);

  const boost::json::value* find(std::string_view name);
  /// Throws when the field is missing.
  const boost::json::value& need(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  std::string need_text(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<double> number(std::string_view name,
                               double low = -std::numeric_limits<double>::max(),
                               double high = std::numeric_limits<double>::max());
  std::optional<std::int64_t> integer(std::string_view name,
                                      std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                                      std::int64_t high = std::numeric_limits<std::int64_t>::max());
  const boost::json::array* list(std::string_view name);
  std::optional<Fields> object(std::string_view name);

  /// Takes a field that changes nothing about an answer, such as "user".
  void ignore(std::string_view name) { find(name); }
  /// Throws when the field is there: Saccade knows it and does not do it. `why` follows a colon.
  void refuse(std::string_view name, std::string_view why);
  /// The same unless its value is the only one there is to have.
  void only(std::string_view name, const boost::json::value& value, std::string_view why);

  /// Throws for the first field that was never asked for.
  void done();

  /// "messages[0].role"
  std::string path(std::string_view name) const;
  bool lenient() const { return lenient_; }

 private:
  const boost::json::object* object_;
  std::string where_;
  bool lenient_;
  std::set<std::string, std::less<>> known_;
};

/// A value as an error shows it: short.
std::string shown(const boost::json::value& value);

}  // namespace saccade::server
