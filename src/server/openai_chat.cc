#include "server/openai_chat.h"

#include <utility>

#include "server/answer_reader.h"
#include "server/chat_messages.h"
#include "server/identifier.h"
#include "server/openai_logprobs.h"
#include "server/response_format.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

constexpr int kMaxTopLogprobs = 20;  // OpenAI's own bound

json::object call_json(std::string id, const AnswerCall& call) {
  return {{"id", std::move(id)},
          {"type", "function"},
          {"function", json::object{{"name", call.name}, {"arguments", call.arguments}}}};
}

class ChatFormat : public AnswerFormat {
 public:
  ChatFormat(const ApiContext& context, AnswerPlan plan, std::size_t choices, bool logprobs,
             bool include_usage)
      : tokenizer_(context.tokenizer),
        model_(context.model_name),
        plan_(std::move(plan)),
        readers_(choices, AnswerReader(plan_)),
        logprobs_(logprobs),
        include_usage_(include_usage) {}

  Dialect dialect() const override { return Dialect::kOpenAi; }

  std::string whole(std::span<const Result> results) override {
    json::array choices;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const ReadAnswer answer = read_answer(plan_, results[i].text);
      choices.push_back(
          json::object{{"index", i},
                       {"message", message_json(answer)},
                       {"logprobs", logprobs_of(results[i].logprobs)},
                       {"finish_reason", finish_reason(results[i], !answer.calls.empty())}});
    }
    return json::serialize(json::object{{"id", id_},
                                        {"object", "chat.completion"},
                                        {"created", created_},
                                        {"model", model_},
                                        {"choices", std::move(choices)},
                                        {"usage", usage_of(results)}});
  }

  std::string stream_prompt(int choice, const Usage&) override {
    return delta(choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
  }

  std::string stream_piece(int choice, const std::string& text,
                           std::span<const GeneratedLogprob> logprobs) override {
    return parts(choice, reader(choice).add(text), logprobs);
  }

  std::string stream_choice_end(int choice, const Result& result) override {
    const std::string rest = parts(choice, reader(choice).finish(), {});
    const bool calls = reader(choice).calls() > 0;
    return rest + delta(choice, {}, nullptr, json::value(finish_reason(result, calls)));
  }

  std::string stream_end(std::span<const Result> results) override {
    std::string end;
    if (include_usage_) end = chunk({}, usage_of(results));
    return end + server_sent_event("[DONE]");
  }

  std::string stream_error(const ApiError& error) override {
    return server_sent_event(error_json(Dialect::kOpenAi, error, id_));
  }

 private:
  AnswerReader& reader(int choice) { return readers_[static_cast<std::size_t>(choice)]; }

  static std::string_view finish_reason(const Result& result, bool calls) {
    return calls && result.finish_reason == FinishReason::kStop
               ? "tool_calls"
               : finish_reason_name(result.finish_reason);
  }

  json::object message_json(const ReadAnswer& answer) const {
    json::object message = {
        {"role", "assistant"}, {"content", answer.content}, {"refusal", nullptr}};
    if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
    if (answer.calls.empty()) return message;
    if (answer.content.empty()) message["content"] = nullptr;
    json::array calls;
    for (const AnswerCall& call : answer.calls)
      calls.push_back(call_json(make_call_id(plan_), call));
    message["tool_calls"] = std::move(calls);
    return message;
  }

  /// A chunk for each part. Log-probabilities go with the first one, and do not wait for text.
  std::string parts(int choice, const std::vector<AnswerPart>& parts,
                    std::span<const GeneratedLogprob> logprobs) {
    std::string chunks;
    const auto add = [&](json::object members) {
      chunks += delta(choice, std::move(members), logprobs_of(logprobs), nullptr);
      logprobs = {};
    };
    // As many calls as there were before these parts.
    std::int64_t call = reader(choice).calls() - 1;
    for (const AnswerPart& part : parts) call -= part.kind == AnswerPart::Kind::kCall ? 1 : 0;
    for (const AnswerPart& part : parts) {
      switch (part.kind) {
        case AnswerPart::Kind::kContent:
          add({{"content", part.text}});
          break;
        case AnswerPart::Kind::kReasoning:
          add({{"reasoning_content", part.text}});
          break;
        case AnswerPart::Kind::kCall: {
          json::object begun = call_json(make_call_id(plan_), {part.text, ""});
          begun["index"] = ++call;
          add({{"tool_calls", json::array{std::move(begun)}}});
          break;
        }
        case AnswerPart::Kind::kArguments: {
          const json::object more = {{"index", call},
                                     {"function", json::object{{"arguments", part.text}}}};
          add({{"tool_calls", json::array{more}}});
          break;
        }
        case AnswerPart::Kind::kMarkup:
          break;
      }
    }
    if (!logprobs.empty()) add({{"content", ""}});
    return chunks;
  }

  json::value logprobs_of(std::span<const GeneratedLogprob> tokens) const {
    if (!logprobs_) return nullptr;
    return chat_logprobs(tokens, tokenizer_);
  }

  /// The choices of a chat request share its prompt.
  static json::object usage_of(std::span<const Result> results) {
    return openai_usage(results, static_cast<std::int64_t>(results.size()));
  }

  std::string delta(int choice, json::object delta, json::value logprobs, json::value finish) {
    json::array choices;
    choices.push_back(json::object{{"index", choice},
                                   {"delta", std::move(delta)},
                                   {"logprobs", std::move(logprobs)},
                                   {"finish_reason", std::move(finish)}});
    return chunk(std::move(choices), nullptr);
  }

  std::string chunk(json::array choices, json::value usage) const {
    json::object chunk = {{"id", id_},
                          {"object", "chat.completion.chunk"},
                          {"created", created_},
                          {"model", model_},
                          {"choices", std::move(choices)}};
    if (include_usage_) chunk["usage"] = std::move(usage);
    return server_sent_event(json::serialize(chunk));
  }

  const Tokenizer& tokenizer_;
  const std::string model_;
  const AnswerPlan plan_;
  std::vector<AnswerReader> readers_;  // one for each choice
  const bool logprobs_;
  const bool include_usage_;
  const std::string id_ = make_identifier("chatcmpl-");
  const std::int64_t created_ = unix_time();
};

void read_logprobs(Fields& fields, Request& request) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (top && !wanted) {
    refuse_field("top_logprobs", "top_logprobs needs \"logprobs\": true");
  }
  if (wanted) request.logprobs = static_cast<int>(top.value_or(0));
}

/// What OpenAI's service offers and this server does not, and what says nothing about the answer.
void read_other_fields(Fields& fields) {
  fields.only("store", false, "this server stores nothing");
  fields.only("modalities", json::array{"text"}, "this server answers in text");
  fields.refuse("audio", "this server does not speak");
  fields.refuse("prediction", "this server does not take predictions");
  fields.refuse("web_search_options", "this server searches nothing");
  fields.refuse("functions", "it is no longer used: wanted tools");
  fields.refuse("function_call", "it is no longer used: wanted tool_choice");
  for (const char* name :
       {"user", "safety_identifier", "prompt_cache_key", "metadata", "service_tier"}) {
    fields.ignore(name);
  }
}

}  // namespace

Generation read_chat_completion(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  read_model(fields, context);
  read_pixel_budget(fields, request);
  read_chat_messages(fields, context, request);
  const ToolUse tools = read_chat_tools(fields, request);
  read_template_variables(fields, request);
  const ReasoningWish reasoning = read_chat_reasoning(fields);
  read_sampling(fields, context, request);
  read_stop(fields, "stop", request);
  read_max_tokens(fields, {"max_completion_tokens", "max_tokens"}, context.context_length, context,
                  request);
  read_logprobs(fields, request);
  read_response_format(fields, "response_format", request);
  request.priority = static_cast<int>(fields.integer("priority", -1000, 1000).value_or(0));
  const std::int64_t choices =
      fields.integer("n", 1, context.options.limits.max_choices).value_or(1);
  const bool stream = fields.boolean("stream").value_or(false);
  const bool include_usage = read_include_usage(fields, stream);
  read_other_fields(fields);
  fields.done();
  AnswerPlan plan = plan_answer(tools, reasoning, context, request);
  auto format =
      std::make_unique<ChatFormat>(context, std::move(plan), static_cast<std::size_t>(choices),
                                   request.logprobs.has_value(), include_usage);
  return {choices_of(request, choices), stream, std::move(format)};
}

}  // namespace saccade::server
