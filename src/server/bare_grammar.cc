#include "server/bare_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <optional>

#include "server/call_schema.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

// What is known of schemas that are not left to `%value` and `%json`, and what changes nothing.
constexpr std::array<std::string_view, 31> kKeywords = {"type",
                                                        "properties",
                                                        "required",
                                                        "additionalProperties",
                                                        "items",
                                                        "minItems",
                                                        "maxItems",
                                                        "enum",
                                                        "const",
                                                        "anyOf",
                                                        "$ref",
                                                        "minLength",
                                                        "maxLength",
                                                        "pattern",
                                                        "format",
                                                        "minimum",
                                                        "maximum",
                                                        "exclusiveMinimum",
                                                        "exclusiveMaximum",
                                                        "multipleOf",
                                                        "$defs",
                                                        "definitions",
                                                        "title",
                                                        "description",
                                                        "$schema",
                                                        "examples",
                                                        "default",
                                                        "$comment",
                                                        "deprecated",
                                                        "readOnly",
                                                        "writeOnly"};
// What changes nothing where it stands.
constexpr std::array<std::string_view, 11> kNotes = {
    "$defs",   "definitions", "title",      "description", "$schema",  "examples",
    "default", "$comment",    "deprecated", "readOnly",    "writeOnly"};
// What says nothing of texts, numbers, true, false and null.
constexpr std::array<std::string_view, 6> kNotOfScalars = {
    "properties", "required", "additionalProperties", "items", "minItems", "maxItems"};
constexpr std::array<std::string_view, 6> kTypes = {"string", "number", "boolean",
                                                    "null",   "object", "array"};
// Behind a colon and before a comma such a key would be read as something else.
constexpr std::string_view kNotInKeys = "{}[],:<>\"";

template <typename List>
bool contains(const List& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// As templates sort them.
std::vector<std::string> sorted_keys(const json::object& object) {
  std::vector<std::string> keys;
  for (const auto& member : object) keys.emplace_back(member.key());
  std::ranges::stable_sort(keys, {}, lower);
  return keys;
}

std::string_view type_of(const json::value& value) {
  if (value.is_string()) return "string";
  if (value.is_bool()) return "boolean";
  if (value.is_null()) return "null";
  if (value.is_object()) return "object";
  return value.is_array() ? "array" : "number";
}

std::string json_of(json::object schema) {
  return "%json " + json::serialize(schema);
}

}  // namespace

std::string BareGrammar::call(const Tool& tool) {
  tool_ = tool.name;
  schema_ = arguments_schema(tool);
  references_.clear();
  const Object& schema = schema_.get_object();
  know_all(schema);
  if (schema.contains("$ref") || schema.contains("anyOf") || schema.contains("enum") ||
      schema.contains("const")) {
    refuse("$ref, anyOf, enum and const of the arguments as a whole");
  }
  return gbnf_text(fmt::format("{}{}", kBareBegin, tool_)) + " " + object(schema) + " " +
         gbnf_mark(syntax_, syntax_.end);
}

void BareGrammar::refuse(std::string_view what) const {
  refuse_field("tools", "tools: the parameters of {}: calls of this model cannot be held to {}",
               tool_, what);
}

/// Refuses keywords that nothing here knows.
void BareGrammar::know_all(const Object& schema) const {
  for (const auto& member : schema) {
    if (!contains(kKeywords, member.key())) {
      refuse(fmt::format("\"{}\"", std::string_view(member.key())));
    }
  }
}

/// Refuses what stands beside a keyword and would be passed over.
void BareGrammar::stand_alone(const Object& schema, std::string_view keyword) const {
  for (const auto& member : schema) {
    const std::string_view key = member.key();
    const bool type_of_constant = key == "type" && (keyword == "enum" || keyword == "const");
    if (key == keyword || type_of_constant || contains(kNotes, key)) continue;
    refuse(fmt::format("\"{}\" beside \"{}\"", key, keyword));
  }
}

std::string BareGrammar::value(const json::value& schema) {
  if (schema.is_bool() && schema.get_bool()) return anything();
  if (!schema.is_object()) refuse("a schema that is no object");
  const Object& object = schema.get_object();
  const json::value* type = object.if_contains("type");
  // The grammar of JSON knows all about texts and numbers.
  const bool scalar_alone =
      type && type->is_string() && type->get_string() != "object" && type->get_string() != "array";
  if (scalar_alone && !object.contains("enum") && !object.contains("const")) {
    return scalar(type->get_string(), object);
  }
  know_all(object);
  if (const json::value* target = object.if_contains("$ref")) {
    stand_alone(object, "$ref");
    if (!target->is_string()) refuse("a $ref that is no text");
    return reference(target->get_string());
  }
  if (const json::value* list = object.if_contains("anyOf")) {
    stand_alone(object, "anyOf");
    if (!list->is_array() || list->get_array().empty()) refuse("an anyOf that is no list");
    std::vector<std::string> branches;
    for (const json::value& branch : list->get_array()) branches.push_back(value(branch));
    return one_of(branches);
  }
  if (object.contains("enum") || object.contains("const")) return constants(object);
  std::vector<std::string> branches;
  if (type && type->is_array()) {
    for (const json::value& one : type->get_array()) {
      if (!one.is_string()) refuse("a type that is no text");
      branches.push_back(of_type(one.get_string(), object));
    }
    if (branches.empty()) refuse("an empty list of types");
    return one_of(branches);
  }
  if (type && !type->is_string()) refuse("a type that is no text");
  if (type) return of_type(type->get_string(), object);
  for (const std::string_view one : kTypes) branches.push_back(of_type(one, object));
  return one_of(branches);
}

std::string BareGrammar::one_of(const std::vector<std::string>& branches) const {
  return fmt::format("({})", fmt::join(branches, " | "));
}

std::string BareGrammar::of_type(std::string_view type, const Object& schema) {
  if (type == "object") return object(schema);
  if (type == "array") return array(schema);
  return scalar(type, schema);
}

/// A text between its marks, or what is written as JSON is.
std::string BareGrammar::scalar(std::string_view type, const Object& schema) const {
  Object own;
  for (const auto& member : schema) {
    const std::string_view key = member.key();
    if (!contains(kNotOfScalars, key) && !contains(kNotes, key)) own[key] = member.value();
  }
  own["type"] = type;
  if (json::serialize(own).find("\"$ref\"") != std::string::npos) {
    refuse("a $ref beside other keywords");
  }
  if (type != "string") return json_of(std::move(own));
  return fmt::format("{} %value {} {}", mark(), json::serialize(own), mark());
}

std::string BareGrammar::constants(const Object& schema) const {
  stand_alone(schema, schema.contains("enum") ? "enum" : "const");
  json::array values;
  if (const json::value* list = schema.if_contains("enum")) {
    if (!list->is_array()) refuse("an enum that is no list");
    values = list->get_array();
  } else {
    values = {schema.at("const")};
  }
  const json::value* type = schema.if_contains("type");
  const auto has_type = [&](const json::value& value) {
    const auto is = [&](const json::value& name) {
      if (!name.is_string()) return false;
      if (name.get_string() != "integer") return name.get_string() == type_of(value);
      return value.is_int64() || value.is_uint64();
    };
    if (!type) return true;
    return type->is_array() ? std::ranges::any_of(type->get_array(), is) : is(*type);
  };
  std::vector<std::string> branches;
  for (const json::value& value : values) {
    if (has_type(value)) branches.push_back(constant(value));
  }
  if (branches.empty()) refuse("an enum without a value of its type");
  return one_of(branches);
}

std::string BareGrammar::constant(const json::value& value) const {
  if (const json::string* text = value.if_string()) {
    if (text->find(kBareQuote) != std::string::npos) refuse("a text with the mark around texts");
    return fmt::format("{} {} {}", mark(), gbnf_text(*text), mark());
  }
  if (value.is_object() || value.is_array()) refuse("a constant object or array");
  return json_of({{"const", value}});
}

std::string BareGrammar::object(const Object& schema) {
  const json::value* listed = schema.if_contains("properties");
  if (listed && !listed->is_object()) refuse("properties that are no object");
  Object properties = listed ? listed->get_object() : Object();
  const json::value* others = schema.if_contains("additionalProperties");
  const bool closed = others && others->is_bool() && !others->get_bool();
  std::vector<std::string> required;
  if (const json::value* names = schema.if_contains("required")) {
    if (!names->is_array()) refuse("required that is no list of names");
    for (const json::value& name : names->get_array()) {
      if (!name.is_string()) refuse("required that is no list of names");
      required.emplace_back(name.get_string());
      if (properties.contains(name.get_string())) continue;
      if (closed) refuse(fmt::format("\"{}\", required and not allowed", required.back()));
      properties[name.get_string()] = others ? *others : json::value(true);
    }
  }
  if (properties.empty()) {
    return closed ? gbnf_text("{}") : free_object(others ? value(*others) : anything());
  }
  // A rule for each property, and one for what may follow it: all behind it, with their commas.
  const std::vector<std::string> keys = sorted_keys(properties);
  std::vector<std::string> members;
  std::vector<std::string> behind(keys.size());
  for (const std::string& name : keys) {
    const std::string text = key(name) + " \":\" " + value(properties.at(name));
    members.push_back(new_rule("member"));
    rules_ += members.back() + " ::= " + text + "\n";
  }
  for (std::size_t i = keys.size(); i-- > 0;) {
    behind[i] = new_rule("behind");
    rules_ += behind[i] + " ::=";
    if (i + 1 == keys.size()) {
      rules_ += " \"\"\n";
      continue;
    }
    const char* const optional = contains(required, keys[i + 1]) ? "" : "?";
    rules_ += fmt::format(" (\",\" {}){} {}\n", members[i + 1], optional, behind[i + 1]);
  }
  std::vector<std::string> first;
  bool may_be_empty = true;
  for (std::size_t i = 0; i < keys.size() && may_be_empty; ++i) {
    first.push_back(members[i] + " " + behind[i]);
    may_be_empty = !contains(required, keys[i]);
  }
  return fmt::format("\"{{\" {}{} \"}}\"", one_of(first), may_be_empty ? "?" : "");
}

std::string BareGrammar::free_object(const std::string& value) const {
  const std::string member = "[^{}\\[\\],:<>\\\"\\x00- ]+ \":\" " + value;
  return fmt::format("\"{{\" ({} (\",\" {})*)? \"}}\"", member, member);
}

std::string BareGrammar::array(const Object& schema) {
  const auto bound = [&](const char* name) -> std::optional<std::uint64_t> {
    const json::value* given = schema.if_contains(name);
    if (!given) return std::nullopt;
    boost::system::error_code error;
    const auto number = given->to_number<std::uint64_t>(error);
    if (error) refuse(fmt::format("{} that is no whole number", name));
    return number;
  };
  const std::uint64_t least = bound("minItems").value_or(0);
  const std::optional<std::uint64_t> most = bound("maxItems");
  if (most && *most < least) refuse("maxItems below minItems");
  if (most == std::uint64_t{0}) return gbnf_text("[]");
  const json::value* items = schema.if_contains("items");
  const std::string item = items ? value(*items) : anything();
  const std::string times = fmt::format("{{{},{}}}", least > 0 ? least - 1 : 0,
                                        most ? std::to_string(*most - 1) : std::string());
  return fmt::format("\"[\" ({} (\",\" {}){}){} \"]\"", item, item, times, least > 0 ? "" : "?");
}

std::string BareGrammar::reference(std::string_view target) {
  if (const auto known = references_.find(target); known != references_.end()) {
    return known->second;
  }
  boost::system::error_code error;
  const json::value* found =
      target.starts_with('#') ? schema_.find_pointer(target.substr(1), error) : nullptr;
  if (!found) refuse(fmt::format("\"$ref\": \"{}\"", target));
  const std::string rule = new_rule("ref");
  references_.emplace(target, rule);
  const std::string expression = value(*found);
  rules_ += rule + " ::= " + expression + "\n";
  return rule;
}

std::string BareGrammar::anything() {
  if (!has_anything_) {
    has_anything_ = true;
    const std::vector<std::string> branches = {
        fmt::format("{} %value {{\"type\": \"string\"}} {}", mark(), mark()),
        json_of({{"type", {"number", "boolean", "null"}}}), free_object("anything"),
        "\"[\" (anything (\",\" anything)*)? \"]\""};
    rules_ += fmt::format("anything ::= {}\n", fmt::join(branches, " | "));
  }
  return "anything";
}

std::string BareGrammar::key(std::string_view name) const {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return static_cast<unsigned char>(c) > ' ' && kNotInKeys.find(c) == std::string_view::npos;
  });
  if (!plain || name.empty()) refuse(fmt::format("the key \"{}\"", name));
  return gbnf_text(name);
}

std::string BareGrammar::mark() const {
  return gbnf_mark(syntax_, kBareQuote);
}

std::string BareGrammar::new_rule(std::string_view kind) {
  return fmt::format("{}{}", kind, count_++);
}

}  // namespace saccade::server
