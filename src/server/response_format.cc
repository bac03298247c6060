#include "server/response_format.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

using Kind = Constraint::Kind;

/// What both places of a schema have.
Constraint read_schema(Fields& fields) {
  for (const char* said : {"name", "description"}) (void)fields.text(said);
  // Answers are held to their schema in any case.
  (void)fields.boolean("strict");
  Constraint constraint{Kind::kJsonSchema, {json::serialize(fields.need("schema"))}, ""};
  fields.done();
  return constraint;
}

Constraint read_choice(Fields& format) {
  Constraint constraint{Kind::kChoice, {}, ""};
  const json::array* choices = format.list("choice");
  if (!choices || choices->empty()) {
    refuse_field(format.path("choice"), "{}: wanted a list of texts", format.path("choice"));
  }
  for (const json::value& choice : *choices) {
    if (!choice.is_string()) {
      refuse_field(format.path("choice"), "{}: wanted texts, found {}", format.path("choice"),
                   shown(choice));
    }
    constraint.texts.emplace_back(choice.get_string());
  }
  return constraint;
}

}  // namespace

void read_response_format(Fields& fields, std::string_view name, Request& request) {
  std::optional<Fields> format = fields.object(name);
  if (!format) return;
  const std::string type = format->need_text("type");
  if (type == "json_object") {
    request.constraint = Constraint{Kind::kJsonObject, {}, ""};
  } else if (type == "json_schema") {
    // The responses API has it flat.
    std::optional<Fields> nested = format->object("json_schema");
    request.constraint = read_schema(nested ? *nested : *format);
  } else if (type == "regex") {
    request.constraint = Constraint{Kind::kRegex, {format->need_text("regex")}, ""};
  } else if (type == "grammar") {
    request.constraint = Constraint{Kind::kGbnf, {format->need_text("grammar")}, ""};
  } else if (type == "choice") {
    request.constraint = read_choice(*format);
  } else if (type != "text") {
    refuse_field(format->path("type"),
                 "{}: wanted text, json_object, json_schema, regex, choice or grammar, found "
                 "\"{}\"",
                 format->path("type"), type);
  }
  format->done();
}

}  // namespace saccade::server
