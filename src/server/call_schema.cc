#include "server/call_schema.h"

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

}  // namespace saccade::server
