// What calls in Gemma 4's notation are held to.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/tool_use.h"

namespace saccade::server {

/// Writes rules (GBNF) of calls as call:name{key:<|"|>text<|"|>,other:[1,true]}: keys without
/// quotes and in the order of the alphabet, as templates sort them, texts as they are between
/// marks, all else as JSON without spaces. Keys that a schema does not name are written where it
/// names none; one of those may come twice. Throws ApiError for what of a schema is not supported.
class BareGrammar {
 public:
  explicit BareGrammar(const CallSyntax& syntax) : syntax_(syntax) {}

  /// An expression of a call of a tool, from its beginning to the mark at its end.
  std::string call(const Tool& tool);
  /// The rules that the expressions so far refer to.
  const std::string& rules() const { return rules_; }

 private:
  using Object = boost::json::object;

  [[noreturn]] void refuse(std::string_view what) const;
  void know_all(const Object& schema) const;
  void stand_alone(const Object& schema, std::string_view keyword) const;
  std::string value(const boost::json::value& schema);
  std::string one_of(const std::vector<std::string>& branches) const;
  std::string of_type(std::string_view type, const Object& schema);
  std::string scalar(std::string_view type, const Object& schema) const;
  std::string constants(const Object& schema) const;
  std::string constant(const boost::json::value& value) const;
  std::string object(const Object& schema);
  std::string free_object(const std::string& value) const;
  std::string array(const Object& schema);
  std::string reference(std::string_view target);
  std::string anything();
  std::string key(std::string_view name) const;
  std::string mark() const;
  std::string new_rule(std::string_view kind);

  const CallSyntax& syntax_;
  std::string rules_;
  std::size_t count_ = 0;  // of rules
  bool has_anything_ = false;
  // Of the tool at hand.
  std::string tool_;
  boost::json::value schema_;
  std::map<std::string, std::string, std::less<>> references_;  // rules by their targets
};

}  // namespace saccade::server
