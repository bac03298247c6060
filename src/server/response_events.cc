#include "server/response_events.h"

#include <boost/json.hpp>
#include <utility>

#include "server/identifier.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

json::object usage_json(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", json::object{{"cached_tokens", usage.cached_tokens}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", json::object{{"reasoning_tokens", 0}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

json::object text_part(const std::string& text) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", json::array()},
          {"logprobs", json::array()}};
}

class ResponseFormat : public AnswerFormat {
 public:
  ResponseFormat(const ApiContext& context, json::object settings)
      : model_(context.model_name), settings_(std::move(settings)) {}

  Dialect dialect() const override { return Dialect::kOpenAi; }

  std::string whole(std::span<const Result> results) override {
    return json::serialize(finished(results.front()));
  }

  std::string stream_prompt(int, const Usage&) override {
    const json::object begun = response("in_progress");
    return event("response.created", {{"response", begun}}) +
           event("response.in_progress", {{"response", begun}}) +
           event("response.output_item.added",
                 {{"output_index", 0}, {"item", message("in_progress", json::array())}}) +
           part_event("response.content_part.added", {{"part", text_part("")}});
  }

  std::string stream_piece(int, const std::string& text,
                           std::span<const GeneratedLogprob>) override {
    if (text.empty()) return {};
    return part_event("response.output_text.delta", {{"delta", text}, {"logprobs", json::array()}});
  }

  std::string stream_choice_end(int, const Result& result) override {
    return part_event("response.output_text.done",
                      {{"text", result.text}, {"logprobs", json::array()}}) +
           part_event("response.content_part.done", {{"part", text_part(result.text)}}) +
           event("response.output_item.done",
                 {{"output_index", 0}, {"item", complete_message(result)}});
  }

  std::string stream_end(std::span<const Result> results) override {
    const Result& result = results.front();
    return event(std::string("response.") + status_of(result), {{"response", finished(result)}});
  }

  std::string stream_error(const ApiError& error) override {
    json::object failed = response("failed");
    failed["error"] = json::object{{"code", "server_error"}, {"message", error.what()}};
    return event("response.failed", {{"response", std::move(failed)}});
  }

 private:
  static const char* status_of(const Result& result) {
    return result.finish_reason == FinishReason::kLength ? "incomplete" : "completed";
  }

  json::object message(const char* status, json::array content) const {
    return {{"id", message_id_},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"content", std::move(content)}};
  }

  json::object complete_message(const Result& result) const {
    return message(status_of(result), json::array{text_part(result.text)});
  }

  json::object response(const char* status) const {
    json::object response = {
        {"id", id_},        {"object", "response"},    {"created_at", created_},
        {"status", status}, {"error", nullptr},        {"incomplete_details", nullptr},
        {"model", model_},  {"output", json::array()}, {"usage", nullptr}};
    for (const auto& setting : settings_) response[setting.key()] = setting.value();
    return response;
  }

  json::object finished(const Result& result) const {
    json::object answer = response(status_of(result));
    if (result.finish_reason == FinishReason::kLength) {
      answer["incomplete_details"] = json::object{{"reason", "max_output_tokens"}};
    }
    answer["output"] = json::array{complete_message(result)};
    answer["usage"] = usage_json(result.usage);
    return answer;
  }

  std::string event(const std::string& type, json::object members) {
    json::object data = {{"type", type}, {"sequence_number", sequence_number_++}};
    for (auto& member : members) data[member.key()] = std::move(member.value());
    return server_sent_event(json::serialize(data), type);
  }

  /// An event about the one part of the one message.
  std::string part_event(const std::string& type, json::object members) {
    members["item_id"] = message_id_;
    members["output_index"] = 0;
    members["content_index"] = 0;
    return event(type, std::move(members));
  }

  const std::string model_;
  const json::object settings_;
  const std::string id_ = make_identifier("resp_");
  const std::string message_id_ = make_identifier("msg_");
  const std::int64_t created_ = unix_time();
  std::int64_t sequence_number_ = 0;
};

}  // namespace

std::unique_ptr<AnswerFormat> make_response_format(const ApiContext& context,
                                                   json::object settings) {
  return std::make_unique<ResponseFormat>(context, std::move(settings));
}

}  // namespace saccade::server
