#include "photos/vlm/remote_vlm.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "photos/vlm/sent_picture.h"
#include "server/base64.h"
#include "server/http_transfer.h"

namespace saccade::photos {
namespace json = boost::json;
namespace {

// Answers have some kilobytes; what has more is no answer.
constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20;
constexpr long kTooManyRequests = 429;
constexpr long kRequestTimeout = 408;
constexpr long kFirstServerError = 500;

std::string key_from(const std::string& variable) {
  if (variable.empty()) return {};
  const char* value = std::getenv(variable.c_str());
  const std::string key = value ? value : "";
  const bool printable =
      std::ranges::all_of(key, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (key.empty() || !printable) {
    fail_usage("environment variable {}: wanted an API key, found {}", variable,
               key.empty() ? "nothing" : "characters that no key has");
  }
  return key;
}

/// What an answer's status says, if it is not a success. Throws.
void check_status(const std::string& name, const server::TransferEnd& end,
                  const std::string& body) {
  if (end.status == 200) return;
  const std::string message =
      fmt::format("{}: {} ({})", name, excerpt(server::server_message(body), 300), end.status);
  if (end.status == kTooManyRequests || end.status == kRequestTimeout ||
      end.status >= kFirstServerError) {
    throw VlmUnavailable(message, end.retry_in);
  }
  if (end.status >= 300 && end.status < 400) {
    fail("{}: redirects to another place ({}), which is not followed; name that place instead",
         name, end.status);
  }
  throw Error(message);
}

/// One number of an object that servers may leave out.
std::int64_t count_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_int64() ? std::max<std::int64_t>(0, value->get_int64()) : 0;
}

Usage read_usage(const json::object& answer) {
  Usage usage;
  const json::value* found = answer.if_contains("usage");
  if (!found || !found->is_object()) return usage;
  const json::object& counts = found->get_object();
  usage.prompt_tokens = count_in(counts, "prompt_tokens");
  usage.completion_tokens = count_in(counts, "completion_tokens");
  const json::value* details = counts.if_contains("prompt_tokens_details");
  if (details && details->is_object()) {
    usage.cached_tokens = count_in(details->get_object(), "cached_tokens");
  }
  return usage;
}

/// The first choice of a chat completion. Throws Error where the answer is none.
VlmAnswer read_completion(const std::string& name, const std::string& body) {
  const std::string where = name + ": the answer";
  const json::value document = parse_json(body, where);
  const JsonObject answer(document, where);
  const json::value& choices = answer.at("choices");
  if (!choices.is_array() || choices.get_array().empty()) {
    fail("{}: wanted a list of choices, found {}", where, excerpt(json::serialize(choices)));
  }
  const JsonObject choice(choices.get_array()[0], where + ": choices[0]");
  const JsonObject message = choice.object("message");
  if (!message.has("content") && message.has("refusal")) {
    fail("{}: the model refused: {}", name, excerpt(message.string("refusal")));
  }
  return {message.string("content"), choice.string_or("finish_reason", "stop") != "length",
          read_usage(answer.raw()), 0.0};
}

}  // namespace

RemoteVlm::RemoteVlm(const VlmSettings& settings)
    : model_(settings.model),
      url_(server::checked_server_url(settings.url, "url of a model")),
      key_(key_from(settings.key_variable)),
      time_limit_(settings.timeout_ms),
      name_((model_.empty() ? "the model" : model_) + " at " + url_) {
  if (settings.timeout_ms < 1) {
    fail_usage("timeout of {}: wanted milliseconds from 1 up, found {}", name_,
               settings.timeout_ms);
  }
}

std::string RemoteVlm::request_body(const VlmQuestion& question) const {
  const SentPicture picture = picture_to_send(question.picture, question.max_pixels);
  const std::string data =
      "data:" + picture.media_type + ";base64," + server::encode_base64(picture.bytes);
  const json::array content = {{{"type", "text"}, {"text", question.prompt}},
                               {{"type", "image_url"}, {"image_url", {{"url", data}}}}};
  json::object body{{"messages", {{{"role", "user"}, {"content", content}}}},
                    {"max_tokens", question.max_tokens},
                    {"temperature", 0}};
  if (!model_.empty()) body["model"] = model_;
  if (!question.schema.empty()) {
    body["response_format"] = {{"type", "json_schema"},
                               {"json_schema",
                                {{"name", "answer"},
                                 {"strict", true},
                                 {"schema", parse_json(question.schema, "schema")}}}};
  }
  return json::serialize(body);
}

std::string RemoteVlm::post(std::string body, const std::atomic<bool>& cancelled) const {
  using Kind = server::TransferEnd::Kind;
  std::string answer;
  bool too_large = false;
  const server::TransferEnd end =
      server::transfer({.method = "POST",
                        .url = url_ + "/v1/chat/completions",
                        .api_key = key_,
                        .body = std::move(body),
                        .time_limit = time_limit_,
                        .on_data = [&](std::string_view piece) {
                          too_large = answer.size() + piece.size() > kMaxAnswerBytes;
                          if (!too_large) answer += piece;
                          return !too_large && !cancelled;
                        }});
  if (too_large) {
    fail("{}: the answer has more than {} bytes; wanted a chat completion", name_, kMaxAnswerBytes);
  }
  if (end.kind == Kind::kStopped) throw VlmUnavailable(name_ + ": cancelled");
  if (end.kind == Kind::kTimedOut) {
    throw VlmUnavailable(
        fmt::format("{}: no whole answer within {} ms", name_, time_limit_.count()));
  }
  if (end.kind == Kind::kUnreachable) throw VlmUnavailable(name_ + ": " + end.error);
  check_status(name_, end, answer);
  return answer;
}

std::shared_ptr<const Grammar> RemoteVlm::compiled(const std::string& schema) {
  const std::lock_guard lock(mutex_);
  if (!grammar_ || schema_ != schema) {
    grammar_ = std::make_shared<const Grammar>(Grammar::json_schema(schema, "schema"));
    schema_ = schema;
  }
  return grammar_;
}

VlmAnswer RemoteVlm::ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) {
  if (cancelled) throw VlmUnavailable(name_ + ": cancelled");
  const auto begin = std::chrono::steady_clock::now();
  const auto grammar = question.schema.empty() ? nullptr : compiled(question.schema);
  VlmAnswer answer = read_completion(name_, post(request_body(question), cancelled));
  if (grammar && answer.complete) {
    answer.text = read_json_answer(answer.text, grammar.get(), name_).text;
  }
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  answer.total_ms = taken.count();
  return answer;
}

}  // namespace saccade::photos
