#include "server/anthropic_events.h"

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "server/answer_reader.h"
#include "server/identifier.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

std::string_view stop_reason(const Result& result, bool calls) {
  if (result.finish_reason == FinishReason::kLength) return "max_tokens";
  if (!result.stop_text.empty()) return "stop_sequence";
  return calls ? "tool_use" : "end_turn";
}

json::value stop_sequence(const Result& result) {
  return result.stop_text.empty() ? json::value(nullptr) : json::value(result.stop_text);
}

/// Anthropic counts apart what came from a cache.
json::object usage_json(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

std::string event(std::string_view type, json::object members) {
  json::object data = {{"type", type}};
  for (auto& member : members) data[member.key()] = std::move(member.value());
  return server_sent_event(json::serialize(data), std::string(type));
}

class MessageFormat : public AnswerFormat {
 public:
  MessageFormat(std::string model, AnswerPlan plan)
      : model_(std::move(model)), plan_(std::move(plan)), reader_(plan_) {}

  Dialect dialect() const override { return Dialect::kAnthropic; }

  std::string whole(std::span<const Result> results) override {
    const Result& result = results.front();
    const ReadAnswer read = read_answer(plan_, result.text);
    json::array content;
    if (!read.reasoning.empty()) content.push_back(thinking_block(read.reasoning));
    if (!read.content.empty() || read.calls.empty()) content.push_back(text_block(read.content));
    for (const AnswerCall& call : read.calls) content.push_back(call_block(call));
    json::object answer = message(usage_json(result.usage));
    answer["content"] = std::move(content);
    answer["stop_reason"] = stop_reason(result, !read.calls.empty());
    answer["stop_sequence"] = stop_sequence(result);
    return json::serialize(answer);
  }

  std::string stream_prompt(int, const Usage& usage) override {
    return event("message_start", {{"message", message(usage_json(usage))}});
  }

  std::string stream_piece(int, const std::string& text,
                           std::span<const GeneratedLogprob>) override {
    return parts(reader_.add(text));
  }

  std::string stream_choice_end(int, const Result& result) override {
    std::string end = parts(reader_.finish());
    // There is no message without a block.
    if (blocks_ == 0) end += open(Kind::kContent, text_block(""));
    const json::object delta = {{"stop_reason", stop_reason(result, reader_.calls() > 0)},
                                {"stop_sequence", stop_sequence(result)}};
    return end + close() +
           event("message_delta", {{"delta", delta}, {"usage", usage_json(result.usage)}});
  }

  std::string stream_end(std::span<const Result>) override { return event("message_stop", {}); }

  std::string stream_error(const ApiError& error) override {
    return server_sent_event(error_json(Dialect::kAnthropic, error, id_), "error");
  }

 private:
  using Kind = AnswerPart::Kind;

  static json::object text_block(const std::string& text) {
    return {{"type", "text"}, {"text", text}};
  }
  /// Nobody checks the signature of a block that comes back.
  static json::object thinking_block(const std::string& text) {
    return {{"type", "thinking"}, {"thinking", text}, {"signature", ""}};
  }
  static json::object call_block(const AnswerCall& call) {
    json::value input = json::object();
    try {
      if (!call.arguments.empty()) input = parse_json(call.arguments, "arguments");
    } catch (const Error&) {
      // max_tokens cut it off, as the stop reason tells: half an object is none.
    }
    return {{"type", "tool_use"},
            {"id", make_identifier("toolu_")},
            {"name", call.name},
            {"input", std::move(input)}};
  }

  std::string parts(const std::vector<AnswerPart>& parts) {
    std::string events;
    for (const AnswerPart& part : parts) {
      if (part.kind == Kind::kMarkup) continue;
      if (part.kind == Kind::kCall) {
        events += open(Kind::kArguments, call_block({part.text, ""}));
        continue;
      }
      if (open_ != part.kind) {
        events +=
            open(part.kind, part.kind == Kind::kReasoning ? thinking_block("") : text_block(""));
      }
      events += event("content_block_delta", {{"index", blocks_ - 1}, {"delta", delta_of(part)}});
    }
    return events;
  }

  static json::object delta_of(const AnswerPart& part) {
    if (part.kind == Kind::kReasoning) {
      return {{"type", "thinking_delta"}, {"thinking", part.text}};
    }
    if (part.kind == Kind::kArguments) {
      return {{"type", "input_json_delta"}, {"partial_json", part.text}};
    }
    return {{"type", "text_delta"}, {"text", part.text}};
  }

  /// Begins a block, after the end of the one before.
  std::string open(Kind kind, json::object block) {
    std::string events = close();
    open_ = kind;
    return events + event("content_block_start",
                          {{"index", blocks_++}, {"content_block", std::move(block)}});
  }

  std::string close() {
    if (!std::exchange(open_, std::nullopt)) return {};
    return event("content_block_stop", {{"index", blocks_ - 1}});
  }

  json::object message(json::object usage) const {
    return {{"id", id_},
            {"type", "message"},
            {"role", "assistant"},
            {"model", model_},
            {"content", json::array()},
            {"stop_reason", nullptr},
            {"stop_sequence", nullptr},
            {"usage", std::move(usage)}};
  }

  const std::string model_;
  const AnswerPlan plan_;
  AnswerReader reader_;       // of a stream
  std::optional<Kind> open_;  // the block that is being sent
  int blocks_ = 0;            // that have begun
  const std::string id_ = make_identifier("msg_");
};

}  // namespace

std::unique_ptr<AnswerFormat> make_message_format(const ApiContext& context, AnswerPlan plan) {
  return std::make_unique<MessageFormat>(context.model_name, std::move(plan));
}

}  // namespace saccade::server
