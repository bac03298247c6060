// The tools of a request, as each API has them.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

using Mode = ToolUse::Mode;

constexpr std::size_t kMaxName = 256;

void want_type(Fields& fields, std::string_view wanted) {
  const std::string type = fields.need_text("type");
  if (type == wanted) return;
  refuse_field(fields.path("type"), "{}: wanted {}, found \"{}\"", fields.path("type"), wanted,
               type);
}

/// OpenAI's tool_choice; `nested`: the function's name is in an object of its own.
Mode read_openai_choice(Fields& fields, bool nested, std::string& name) {
  const json::value* choice = fields.find("tool_choice");
  if (!choice || *choice == "auto") return Mode::kAuto;
  if (*choice == "none") return Mode::kNone;
  if (*choice == "required") return Mode::kRequired;
  if (!choice->is_object()) {
    refuse_field("tool_choice",
                 "tool_choice: wanted \"auto\", \"none\", \"required\" or a function, found {}",
                 shown(*choice));
  }
  Fields object(*choice, "tool_choice", fields.lenient());
  want_type(object, "function");
  if (nested) {
    object.need("function");
    Fields function = *object.object("function");
    name = function.need_text("name");
    function.done();
  } else {
    name = object.need_text("name");
  }
  object.done();
  return Mode::kRequired;
}

Mode read_anthropic_choice(Fields& fields, ToolUse& use) {
  std::optional<Fields> choice = fields.object("tool_choice");
  if (!choice) return Mode::kAuto;
  const std::string type = choice->need_text("type");
  use.parallel = !choice->boolean("disable_parallel_tool_use").value_or(false);
  if (type == "tool") use.name = choice->need_text("name");
  choice->done();
  if (type == "none") return Mode::kNone;
  if (type == "auto") return Mode::kAuto;
  if (type == "any" || type == "tool") return Mode::kRequired;
  refuse_field("tool_choice", "tool_choice.type: wanted auto, any, tool or none, found \"{}\"",
               type);
}

/// A tool in the shape that templates know.
json::object shown_to_template(const Tool& tool, const std::optional<std::string>& description,
                               const json::value& parameters) {
  json::object function = {
      {"name", tool.name}, {"description", description.value_or("")}, {"parameters", parameters}};
  return {{"type", "function"}, {"function", std::move(function)}};
}

void finish(const ToolUse& use, const json::array& for_template, Request& request) {
  if (use.mode == Mode::kRequired && use.tools.empty()) {
    refuse_field("tool_choice", "tool_choice: there are no tools to call");
  }
  if (use.active()) request.tools = json::serialize(for_template);
}

}  // namespace

Tool make_tool(const std::string& name, const json::value* parameters, const std::string& where) {
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' ||
           std::string_view("\"\\[]{}").find(c) != std::string_view::npos;
  };
  if (name.empty() || name.size() > kMaxName || std::ranges::any_of(name, bad)) {
    refuse_field(where,
                 "{}: wanted a tool's name of 1 to {} letters, digits, _, - and ., found \"{}\"",
                 where, kMaxName, name);
  }
  Tool tool{name, parameters ? *parameters : json::value()};
  if (!parameters) return tool;
  const json::object* schema = parameters->if_object();
  const json::value* type = schema ? schema->if_contains("type") : nullptr;
  if (!schema || (type && *type != "object")) {
    refuse_field(where, "{}: wanted a JSON Schema of an object, found {}", where,
                 shown(*parameters));
  }
  return tool;
}

ToolUse read_chat_tools(Fields& fields, Request& request) {
  ToolUse use;
  const json::array* tools = fields.list("tools");
  use.mode = read_openai_choice(fields, true, use.name);
  use.parallel = fields.boolean("parallel_tool_calls").value_or(true);
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    // The template may read members that the server knows nothing of.
    Fields tool((*tools)[i], fmt::format("tools[{}]", i), true);
    want_type(tool, "function");
    tool.need("function");
    Fields function = *tool.object("function");
    use.tools.push_back(
        make_tool(function.need_text("name"), function.find("parameters"), tool.path("function")));
    use.tools.back().strict = function.boolean("strict").value_or(false);
  }
  finish(use, tools ? *tools : json::array(), request);
  return use;
}

ToolUse read_response_tools(Fields& fields, Request& request) {
  ToolUse use;
  use.mode = read_openai_choice(fields, false, use.name);
  use.parallel = fields.boolean("parallel_tool_calls").value_or(true);
  json::array for_template;
  const json::array* tools = fields.list("tools");
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    Fields tool((*tools)[i], fmt::format("tools[{}]", i), fields.lenient());
    want_type(tool, "function");
    const json::value* parameters = tool.find("parameters");
    use.tools.push_back(make_tool(tool.need_text("name"), parameters, tool.path("parameters")));
    use.tools.back().strict = tool.boolean("strict").value_or(false);
    const json::value none = {{"type", "object"}, {"properties", json::object()}};
    for_template.push_back(shown_to_template(use.tools.back(), tool.text("description"),
                                             parameters ? *parameters : none));
    tool.done();
  }
  finish(use, for_template, request);
  return use;
}

ToolUse read_message_tools(Fields& fields, Request& request) {
  ToolUse use;
  use.mode = read_anthropic_choice(fields, use);
  json::array for_template;
  const json::array* tools = fields.list("tools");
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    Fields tool((*tools)[i], fmt::format("tools[{}]", i), fields.lenient());
    if (tool.find("type")) want_type(tool, "custom");
    const json::value& schema = tool.need("input_schema");
    use.tools.push_back(make_tool(tool.need_text("name"), &schema, tool.path("input_schema")));
    use.tools.back().strict = tool.boolean("strict").value_or(false);
    for_template.push_back(shown_to_template(use.tools.back(), tool.text("description"), schema));
    tool.ignore("cache_control");
    tool.done();
  }
  finish(use, for_template, request);
  return use;
}

json::value template_arguments(const json::string& text) {
  try {
    json::value parsed = parse_json({text.data(), text.size()}, "arguments");
    if (parsed.is_object()) return parsed;
  } catch (const Error&) {
    // A model can have written anything; the template shows it as it is.
  }
  return json::value(text);
}

}  // namespace saccade::server
