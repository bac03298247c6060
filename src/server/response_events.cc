#include "server/response_events.h"

#include <boost/json.hpp>
#include <utility>

#include "server/identifier.h"
#include "server/response_items.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

json::object usage_json(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", json::object{{"cached_tokens", usage.cached_tokens}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", json::object{{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

class ResponseFormat : public AnswerFormat {
 public:
  ResponseFormat(const ApiContext& context, AnswerPlan plan, json::object settings)
      : model_(context.model_name),
        settings_(std::move(settings)),
        plan_(std::move(plan)),
        reader_(plan_),
        items_(plan_, [this](const std::string& type, json::object members) {
          return event(type, std::move(members));
        }) {}

  Dialect dialect() const override { return Dialect::kOpenAi; }

  std::string whole(std::span<const Result> results) override {
    items_.add(reader_.add(results.front().text));
    stream_choice_end(0, results.front());
    return json::serialize(finished(results.front()));
  }

  std::string stream_prompt(int, const Usage&) override {
    const json::object begun = response("in_progress");
    // One after the other: events are numbered.
    std::string events = event("response.created", {{"response", begun}});
    events += event("response.in_progress", {{"response", begun}});
    return events;
  }

  std::string stream_piece(int, const std::string& text,
                           std::span<const GeneratedLogprob>) override {
    return items_.add(reader_.add(text));
  }

  std::string stream_choice_end(int, const Result& result) override {
    std::string events = items_.add(reader_.finish());
    events += items_.finish(status_of(result));
    return events;
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
    answer["output"] = items_.items();
    answer["usage"] = usage_json(result.usage);
    return answer;
  }

  std::string event(const std::string& type, json::object members) {
    json::object data = {{"type", type}, {"sequence_number", sequence_number_++}};
    for (auto& member : members) data[member.key()] = std::move(member.value());
    return server_sent_event(json::serialize(data), type);
  }

  const std::string model_;
  const json::object settings_;
  const AnswerPlan plan_;
  AnswerReader reader_;
  ResponseItems items_;
  const std::string id_ = make_identifier("resp_");
  const std::int64_t created_ = unix_time();
  std::int64_t sequence_number_ = 0;
};

}  // namespace

std::unique_ptr<AnswerFormat> make_response_format(const ApiContext& context, AnswerPlan plan,
                                                   json::object settings) {
  return std::make_unique<ResponseFormat>(context, std::move(plan), std::move(settings));
}

}  // namespace saccade::server
