#include "server/call_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "server/bare_grammar.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// Lets references inside a schema find their places when it stands at `#/$defs/<name>`. Recursion
/// is as deep as the JSON parser lets a request be.
void move_references(json::value& value, const std::string& name) {
  if (json::array* list = value.if_array()) {
    for (json::value& item : *list) move_references(item, name);
  }
  json::object* object = value.if_object();
  if (!object) return;
  for (auto& member : *object) {
    if (member.key() == "const" || member.key() == "enum" || member.key() == "default") continue;
    json::value& child = member.value();
    const bool inside =
        member.key() == "$ref" && child.is_string() &&
        (child.get_string() == "#" || child.get_string().starts_with(std::string_view("#/")));
    if (inside) {
      const std::string path(child.get_string().subview(1));
      child = "#/$defs/" + name + path;
    } else {
      move_references(child, name);
    }
  }
}

// What of a schema of arguments the grammar of a call in tags speaks of, and what changes nothing.
constexpr std::array kKeywords = {"type",    "properties",  "required", "additionalProperties",
                                  "$defs",   "definitions", "title",    "description",
                                  "$schema", "examples",    "default",  "$comment"};

/// Whether a schema refers to a place that is not there where it stands alone with its definitions.
bool refers_elsewhere(const json::value& value) {
  if (const json::array* list = value.if_array()) {
    return std::ranges::any_of(*list, refers_elsewhere);
  }
  const json::object* object = value.if_object();
  if (!object) return false;
  return std::ranges::any_of(*object, [](const auto& member) {
    if (member.key() == "const" || member.key() == "enum" || member.key() == "default")
      return false;
    if (member.key() != "$ref" || !member.value().is_string()) {
      return refers_elsewhere(member.value());
    }
    const std::string_view target(member.value().get_string());
    return !target.starts_with("#/$defs/") && !target.starts_with("#/definitions/");
  });
}

/// Writes the parameters of one tool, each as it may come.
class ParameterGrammar {
 public:
  explicit ParameterGrammar(const Tool& tool)
      : tool_(tool), schema_(arguments_schema(tool)), object_(schema_.get_object()) {
    for (const auto& member : object_) {
      if (std::ranges::find(kKeywords, member.key()) != kKeywords.end()) continue;
      refuse(fmt::format("\"{}\" of the arguments as a whole", std::string_view(member.key())));
    }
  }

  std::string write() const {
    std::string rules;
    const json::value* properties = object_.if_contains("properties");
    if (properties && !properties->is_object()) refuse("properties that are no object");
    const json::object known = properties ? properties->get_object() : json::object();
    for (const auto& [key, schema] : known) {
      const std::string rule = parameter(key, schema);
      rules += is_required(key) ? rule + " " : "(" + rule + ")? ";
    }
    for (const json::value& name : required()) {
      if (!name.is_string()) refuse("required that is no list of names");
      if (known.contains(name.get_string())) continue;
      rules += parameter(name.get_string(), json::object()) + " ";
    }
    const json::value* others = object_.if_contains("additionalProperties");
    if (others && !others->is_bool()) refuse("a schema of additionalProperties");
    // As with arguments that are JSON: those without a name only where none are named.
    if (known.empty() && !(others && *others == false)) {
      rules += fmt::format("({} [^>\\n]+ \">\\n\" %value {{}} {})* ", gbnf_text(kParameterBegin),
                           gbnf_text(ending()));
    }
    return rules;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    refuse_field("tools",
                 "tools: the parameters of {}: calls of this model cannot be held to {}: wanted "
                 "properties, with schemas of their own",
                 tool_.name, what);
  }

  static std::string ending() { return std::string(kParameterEnd) + "\n"; }

  json::array required() const {
    const json::value* names = object_.if_contains("required");
    if (!names) return {};
    if (!names->is_array()) refuse("required that is no list of names");
    return names->get_array();
  }

  bool is_required(std::string_view key) const {
    const json::array names = required();
    return std::ranges::find(names, json::value(key)) != names.end();
  }

  std::string parameter(std::string_view key, const json::value& schema) const {
    if (!schema.is_object()) refuse("a schema that is true or false");
    if (key.find_first_of(">\n") != std::string_view::npos) refuse("a name with > in it");
    json::object whole = schema.get_object();
    for (const char* definitions : {"$defs", "definitions"}) {
      if (const json::value* found = object_.if_contains(definitions)) whole[definitions] = *found;
    }
    if (refers_elsewhere(whole)) refuse("references to anything but $defs");
    return fmt::format("{} %value {} {}", gbnf_text(fmt::format("{}{}>\n", kParameterBegin, key)),
                       json::serialize(whole), gbnf_text(ending()));
  }

  const Tool& tool_;
  const json::value schema_;
  const json::object& object_;
};

/// name[ARGS]{...}
std::string named_call(const Tool& tool, const CallSyntax& syntax) {
  std::string id;
  if (syntax.writes_ids) {
    id = fmt::format("({} [a-zA-Z0-9]{{9}})? ", gbnf_mark(syntax, kCallIdMarker));
  }
  return fmt::format("{} {}{} %json {}", gbnf_text(tool.name), id,
                     gbnf_mark(syntax, kArgumentsMarker), json::serialize(arguments_schema(tool)));
}

}  // namespace

json::value arguments_schema(const Tool& tool) {
  json::object schema = {{"type", "object"}};
  if (!tool.parameters.is_object()) {
    schema["properties"] = json::object();
    schema["additionalProperties"] = false;
    return schema;
  }
  for (const auto& member : tool.parameters.get_object()) schema[member.key()] = member.value();
  return schema;
}

std::string call_schema(std::span<const Tool> tools, const std::string& arguments_key, bool list,
                        int most) {
  json::object definitions;
  json::array calls;
  for (const Tool& tool : tools) {
    const std::string name = "tool" + std::to_string(definitions.size());
    json::value arguments = arguments_schema(tool);
    move_references(arguments, name);
    definitions[name] = std::move(arguments);
    json::object properties = {{"name", json::object{{"const", tool.name}}},
                               {arguments_key, json::object{{"$ref", "#/$defs/" + name}}}};
    calls.push_back(json::object{{"type", "object"},
                                 {"properties", std::move(properties)},
                                 {"required", json::array{"name", arguments_key}},
                                 {"additionalProperties", false}});
  }
  json::object schema = {{"anyOf", std::move(calls)}};
  if (list) {
    schema = {{"type", "array"}, {"items", std::move(schema)}, {"minItems", 1}};
    if (most > 0) schema["maxItems"] = most;
  }
  schema["$defs"] = std::move(definitions);
  return json::serialize(schema);
}

std::string gbnf_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

std::string gbnf_mark(const CallSyntax& syntax, std::string_view mark) {
  const bool special = std::ranges::find(syntax.special, mark) != syntax.special.end();
  return (special ? "%token " : "") + gbnf_text(mark);
}

std::string call_grammar(std::span<const Tool> tools, const CallSyntax& syntax, bool repeated) {
  std::string root = "root ::= call";
  if (repeated) root += fmt::format(" ({} call)*", gbnf_mark(syntax, syntax.begin));
  std::string calls = "call ::=";
  std::string rules;
  BareGrammar bare(syntax);
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const Tool& tool = tools[i];
    calls += fmt::format("{} tool{}", i == 0 ? "" : " |", i);
    rules += fmt::format("tool{} ::= ", i);
    switch (syntax.form) {
      case CallSyntax::Form::kNamed:
        rules += named_call(tool, syntax);
        break;
      case CallSyntax::Form::kBare:
        rules += bare.call(tool);
        break;
      default:
        rules += gbnf_text(fmt::format("{}{}>\n", kFunctionBegin, tool.name)) + " " +
                 ParameterGrammar(tool).write() + gbnf_text(kFunctionEnd);
    }
    rules += "\n";
  }
  return root + "\n" + calls + "\n" + rules + bare.rules();
}

}  // namespace saccade::server
