#include "cli/remote.h"

#include <boost/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "server/base64.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

json::value content_of(const Message& message) {
  json::array parts;
  for (const auto& part : message.content) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      parts.push_back({{"type", "text"}, {"text", *text}});
      continue;
    }
    // The server looks at the bytes, whatever the type says.
    const std::string url =
        "data:image/*;base64," + server::encode_base64(std::get<ImageBytes>(part).bytes);
    parts.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
  }
  return parts;
}

json::object response_format(const Constraint& constraint) {
  using Kind = Constraint::Kind;
  switch (constraint.kind) {
    case Kind::kJsonSchema:
      return {{"type", "json_schema"},
              {"json_schema",
               {{"name", "answer"}, {"schema", parse_json(constraint.texts.at(0), "--schema")}}}};
    case Kind::kJsonObject:
      return {{"type", "json_object"}};
    case Kind::kRegex:
      return {{"type", "regex"}, {"regex", constraint.texts.at(0)}};
    case Kind::kGbnf:
      return {{"type", "grammar"}, {"grammar", constraint.texts.at(0)}};
    case Kind::kChoice:
      break;
  }
  return {{"type", "choice"}, {"choice", json::value_from(constraint.texts)}};
}

void add_sampling(json::object& body, const Sampling& sampling) {
  const auto add = [&](const char* name, const auto& value) {
    if (value) body[name] = *value;
  };
  add("temperature", sampling.temperature);
  add("top_p", sampling.top_p);
  add("top_k", sampling.top_k);
  add("min_p", sampling.min_p);
  add("repetition_penalty", sampling.repetition_penalty);
  add("presence_penalty", sampling.presence_penalty);
  add("frequency_penalty", sampling.frequency_penalty);
  add("seed", sampling.seed);
}

FinishReason finish_reason(const StreamedAnswer& answer) {
  if (answer.finish_reason.empty()) return FinishReason::kCancelled;
  return answer.finish_reason == "length" ? FinishReason::kLength : FinishReason::kStop;
}

}  // namespace

json::object chat_body(const std::string& model, const Request& request) {
  if (request.logprobs) fail_usage("--logprobs: a server's are not asked for here; leave it out");
  json::array messages;
  for (const Message& message : request.messages) {
    messages.push_back({{"role", message.role}, {"content", content_of(message)}});
  }
  json::object body{{"model", model},
                    {"messages", std::move(messages)},
                    {"max_tokens", request.max_tokens},
                    {"stream", true},
                    {"stream_options", {{"include_usage", true}}}};
  add_sampling(body, request.sampling);
  if (!request.stop.empty()) body["stop"] = json::value_from(request.stop);
  if (request.min_pixels) body["min_pixels"] = *request.min_pixels;
  if (request.max_pixels) body["max_pixels"] = *request.max_pixels;
  if (request.constraint) body["response_format"] = response_format(*request.constraint);
  return body;
}

Result generate_remotely(const ServeClient& client, const std::string& model,
                         const Request& request, Listener& listener) {
  const StreamedAnswer answer =
      client.chat(json::serialize(chat_body(model, request)), [&](const std::string& piece) {
        if (!piece.empty()) listener.on_text(piece);
        return !listener.cancelled();
      });
  Result result;
  result.text = answer.text;
  result.finish_reason = finish_reason(answer);
  result.usage.prompt_tokens = answer.prompt_tokens;
  result.usage.cached_tokens = answer.cached_tokens;
  result.usage.completion_tokens = answer.completion_tokens;
  result.timings.ttft_ms = answer.first_ms;
  result.timings.decode_ms = answer.total_ms - answer.first_ms;
  return result;
}

}  // namespace saccade::cli
