#include "server/tag_arguments.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "saccade/grammar.h"
#include "server/json_text.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

// No parameter has a longer name.
constexpr std::size_t kMaxKey = 1024;

bool all_texts(const json::value& values) {
  return values.is_array() && std::ranges::all_of(values.get_array(), [](const json::value& value) {
           return value.is_string();
         });
}

/// Whether a schema says at first sight that its values are texts.
bool takes_texts_alone(const json::value* schema) {
  const json::object* object = schema ? schema->if_object() : nullptr;
  if (!object) return false;
  const json::value* type = object->if_contains("type");
  const json::value* choices = object->if_contains("enum");
  const json::value* constant = object->if_contains("const");
  return (type && *type == "string") || (choices && all_texts(*choices)) ||
         (constant && constant->is_string());
}

/// Whether a value is one of `schema`, which may refer to definitions in the schema of its `tool`.
bool matches(const json::value& schema, const json::object& tool, const std::string& text) {
  if (!schema.is_object()) return true;
  json::object whole = schema.get_object();
  for (const char* definitions : {"$defs", "definitions"}) {
    const json::value* found = tool.if_contains(definitions);
    if (found && !whole.contains(definitions)) whole[definitions] = *found;
  }
  try {
    return !Grammar::json_schema(json::serialize(whole), "the parameter").check(text);
  } catch (const Error&) {
    return true;  // of a schema that nothing can be held to
  }
}

}  // namespace

TagArguments::TagArguments(std::shared_ptr<const ToolSchemas> schemas, std::string_view tool)
    : schemas_(std::move(schemas)) {
  if (!schemas_) return;
  const auto found = schemas_->find(tool);
  if (found != schemas_->end()) tool_ = found->second.if_object();
}

std::string TagArguments::read(std::string& text) {
  std::string out;
  while (step(text, out)) {
  }
  return out;
}

bool TagArguments::step(std::string& text, std::string& out) {
  switch (state_) {
    case State::kBetween:
      return read_tag(text, out);
    case State::kLineEnd:
      if (text.empty()) return false;
      if (text.front() == '\n') text.erase(0, 1);
      state_ = is_text_ ? State::kText : State::kValue;
      return true;
    case State::kText:
      return read_text(text, out);
    case State::kValue:
      return read_value(text, out);
    case State::kComplete:
      return false;
  }
  return false;
}

/// A tag that begins a parameter, or ends the call. Whatever else comes ends it as well.
bool TagArguments::read_tag(std::string& text, std::string& out) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::string_view rest = std::string_view(text).substr(begin);
  const auto may_become = [&](std::string_view tag) {
    return rest.size() < tag.size() && tag.starts_with(rest);
  };
  if (may_become(kParameterBegin) || may_become(kFunctionEnd)) return false;
  if (rest.starts_with(kParameterBegin)) {
    const std::size_t key = begin + kParameterBegin.size();
    const std::size_t close = text.find_first_of(">\n", key);
    if (close == std::string::npos && text.size() - key <= kMaxKey) return false;
    if (close != std::string::npos && text[close] == '>' && close > key) {
      const std::string name = text.substr(key, close - key);
      text.erase(0, close + 1);
      begin_parameter(name, out);
      return true;
    }
  }
  if (rest.starts_with(kFunctionEnd)) text.erase(0, begin + kFunctionEnd.size());
  end(out);
  return false;
}

void TagArguments::begin_parameter(const std::string& key, std::string& out) {
  out += std::exchange(begun_, true) ? ", \"" : "{\"";
  out += escaped_json(key) + "\": ";
  const json::value* properties = tool_ ? tool_->if_contains("properties") : nullptr;
  const json::object* known = properties ? properties->if_object() : nullptr;
  schema_ = known ? known->if_contains(key) : nullptr;
  is_text_ = takes_texts_alone(schema_);
  if (is_text_) out += '"';
  state_ = State::kLineEnd;
}

bool TagArguments::read_text(std::string& text, std::string& out) {
  const std::size_t close = text.find(kParameterEnd);
  std::size_t size = close;
  if (close == std::string::npos) {
    std::size_t held = std::min(text.size(), kParameterEnd.size() - 1);
    while (held > 0 &&
           !kParameterEnd.starts_with(std::string_view(text).substr(text.size() - held))) {
      --held;
    }
    size = text.size() - held;
  }
  out += escaped_json(std::string_view(text).substr(0, size));
  text.erase(0, size);
  if (close == std::string::npos) return false;
  text.erase(0, kParameterEnd.size());
  out += '"';
  state_ = State::kBetween;
  return true;
}

bool TagArguments::read_value(std::string& text, std::string& out) {
  const std::size_t close = text.find(kParameterEnd, searched_);
  if (close == std::string::npos) {
    // The rest must not be looked through again for each piece.
    searched_ = text.size() - std::min(text.size(), kParameterEnd.size() - 1);
    return false;
  }
  searched_ = 0;
  out += value_of(std::string_view(text).substr(0, close));
  text.erase(0, close + kParameterEnd.size());
  state_ = State::kBetween;
  return true;
}

std::string TagArguments::value_of(std::string_view text) const {
  std::string value = python_literal(text);
  try {
    const json::value parsed = parse_json(value, "the parameter");
    const json::object none;
    // A text in quotes is a text with quotes.
    if (!parsed.is_string() && (!schema_ || matches(*schema_, tool_ ? *tool_ : none, value))) {
      return value;
    }
  } catch (const Error&) {
    // It is no JSON.
  }
  return '"' + escaped_json(text) + '"';
}

void TagArguments::end(std::string& out) {
  out += begun_ ? "}" : "{}";
  state_ = State::kComplete;
}

}  // namespace saccade::server
