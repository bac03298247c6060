#include "server/response_items.h"

#include <utility>

#include "server/identifier.h"

namespace saccade::server {
namespace json = boost::json;

std::string ResponseItems::add(std::span<const AnswerPart> parts) {
  std::string events;
  for (const AnswerPart& part : parts) {
    if (part.kind == Kind::kMarkup) continue;
    if (part.kind == Kind::kCall) {
      events += open(Kind::kArguments, part.text);
      continue;
    }
    if (open_ != part.kind) events += open(part.kind, "");
    events += delta(part.text);
  }
  return events;
}

std::string ResponseItems::finish(const std::string& status) {
  std::string events;
  if (!open_ && items_.empty()) events += open(Kind::kContent, "");
  return events + close(status);
}

/// Begins an item, after the end of the one before.
std::string ResponseItems::open(Kind kind, const std::string& name) {
  std::string events = close("completed");
  open_ = kind;
  name_ = name;
  text_.clear();
  id_ = make_identifier(kind == Kind::kReasoning ? "rs_" : kind == Kind::kContent ? "msg_" : "fc_");
  if (kind == Kind::kArguments) call_id_ = make_call_id(plan_);
  events += item_event("response.output_item.added", item("in_progress", false));
  if (kind != Kind::kArguments) {
    events += text_event("response.content_part.added", {{"part", part("")}});
  }
  return events;
}

std::string ResponseItems::delta(const std::string& text) {
  text_ += text;
  switch (*open_) {
    case Kind::kReasoning:
      return text_event("response.reasoning_text.delta", {{"delta", text}});
    case Kind::kContent:
      return text_event("response.output_text.delta",
                        {{"delta", text}, {"logprobs", json::array()}});
    default:
      return text_event("response.function_call_arguments.delta", {{"delta", text}});
  }
}

std::string ResponseItems::close(const std::string& status) {
  if (!open_) return {};
  std::string events;
  switch (*open_) {
    case Kind::kReasoning:
      events = text_event("response.reasoning_text.done", {{"text", text_}});
      break;
    case Kind::kContent:
      events =
          text_event("response.output_text.done", {{"text", text_}, {"logprobs", json::array()}});
      break;
    default:
      events = text_event("response.function_call_arguments.done",
                          {{"name", name_}, {"arguments", text_}});
  }
  if (*open_ != Kind::kArguments) {
    events += text_event("response.content_part.done", {{"part", part(text_)}});
  }
  json::object whole = item(status, true);
  events += item_event("response.output_item.done", whole);
  items_.push_back(std::move(whole));
  open_.reset();
  return events;
}

json::object ResponseItems::item(const std::string& status, bool with_text) const {
  json::array content;
  if (with_text) content.push_back(part(text_));
  json::object item = {{"id", id_}, {"status", status}};
  switch (*open_) {
    case Kind::kReasoning:
      item["type"] = "reasoning";
      item["summary"] = json::array();
      item["content"] = std::move(content);
      break;
    case Kind::kContent:
      item["type"] = "message";
      item["role"] = "assistant";
      item["content"] = std::move(content);
      break;
    default:
      item["type"] = "function_call";
      item["call_id"] = call_id_;
      item["name"] = name_;
      item["arguments"] = with_text ? text_ : "";
  }
  return item;
}

/// The one part that a message or reasoning has.
json::object ResponseItems::part(const std::string& text) const {
  if (open_ == Kind::kReasoning) return {{"type", "reasoning_text"}, {"text", text}};
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", json::array()},
          {"logprobs", json::array()}};
}

std::string ResponseItems::item_event(const std::string& type, json::object item) {
  return event_(type, {{"output_index", items_.size()}, {"item", std::move(item)}});
}

std::string ResponseItems::text_event(const std::string& type, json::object members) {
  members["item_id"] = id_;
  members["output_index"] = items_.size();
  if (open_ != Kind::kArguments) members["content_index"] = 0;
  return event_(type, std::move(members));
}

}  // namespace saccade::server
