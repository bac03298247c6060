#include "server/openai_completions.h"

#include <utility>

#include "server/identifier.h"
#include "server/openai_logprobs.h"
#include "server/response_format.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

constexpr std::int64_t kDefaultMaxTokens = 16;  // OpenAI's own
constexpr int kMaxLogprobs = 20;

class CompletionFormat : public AnswerFormat {
 public:
  CompletionFormat(const ApiContext& context, bool logprobs, bool include_usage,
                   std::int64_t prompts, std::int64_t per_prompt)
      : tokenizer_(context.tokenizer),
        model_(context.model_name),
        logprobs_(logprobs),
        include_usage_(include_usage),
        per_prompt_(per_prompt),
        offsets_(static_cast<std::size_t>(prompts * per_prompt)) {}

  Dialect dialect() const override { return Dialect::kOpenAi; }

  std::string whole(std::span<const Result> results) override {
    json::array choices;
    for (std::size_t i = 0; i < results.size(); ++i) {
      choices.push_back(choice(static_cast<int>(i), results[i].text, results[i].logprobs,
                               json::value(finish_reason_name(results[i].finish_reason))));
    }
    return json::serialize(completion(std::move(choices), openai_usage(results, per_prompt_)));
  }

  std::string stream_prompt(int, const Usage&) override { return {}; }

  std::string stream_piece(int index, const std::string& text,
                           std::span<const GeneratedLogprob> logprobs) override {
    if (text.empty() && logprobs.empty()) return {};
    return chunk(choice(index, text, logprobs, nullptr));
  }

  std::string stream_choice_end(int index, const Result& result) override {
    return chunk(choice(index, "", {}, json::value(finish_reason_name(result.finish_reason))));
  }

  std::string stream_end(std::span<const Result> results) override {
    std::string end;
    if (include_usage_) {
      end = server_sent_event(json::serialize(completion({}, openai_usage(results, per_prompt_))));
    }
    return end + server_sent_event("[DONE]");
  }

  std::string stream_error(const ApiError& error) override {
    return server_sent_event(error_json(Dialect::kOpenAi, error, id_));
  }

 private:
  json::object choice(int index, const std::string& text,
                      std::span<const GeneratedLogprob> logprobs, json::value finish) {
    json::value shown_logprobs = nullptr;
    if (logprobs_) {
      shown_logprobs =
          completion_logprobs(logprobs, tokenizer_, offsets_[static_cast<std::size_t>(index)]);
    }
    return {{"index", index},
            {"text", text},
            {"logprobs", std::move(shown_logprobs)},
            {"finish_reason", std::move(finish)}};
  }

  json::object completion(json::array choices, json::value usage) const {
    return {{"id", id_},       {"object", "text_completion"},   {"created", created_},
            {"model", model_}, {"choices", std::move(choices)}, {"usage", std::move(usage)}};
  }

  std::string chunk(json::object choice) const {
    json::object chunk = completion({}, nullptr);
    chunk["choices"].emplace_array().push_back(std::move(choice));
    if (!include_usage_) chunk.erase("usage");
    return server_sent_event(json::serialize(chunk));
  }

  const Tokenizer& tokenizer_;
  const std::string model_;
  const bool logprobs_;
  const bool include_usage_;
  const std::int64_t per_prompt_;
  std::vector<std::int64_t> offsets_;  // of each choice, characters so far
  const std::string id_ = make_identifier("cmpl-");
  const std::int64_t created_ = unix_time();
};

std::vector<std::string> read_prompts(Fields& fields) {
  const json::value& value = fields.need("prompt");
  std::vector<std::string> prompts;
  const auto add = [&](const json::value& prompt) {
    if (!prompt.is_string()) {
      refuse_field("prompt", "prompt: wanted a text or a list of texts, found {}", shown(prompt));
    }
    prompts.emplace_back(prompt.get_string());
  };
  if (!value.is_array()) {
    add(value);
  } else {
    for (const json::value& prompt : value.get_array()) add(prompt);
  }
  if (prompts.empty()) refuse_field("prompt", "prompt: wanted at least one");
  return prompts;
}

void read_other_fields(Fields& fields) {
  fields.only("echo", false, "this server does not repeat prompts");
  fields.only("best_of", 1, "this server gives every answer it makes");
  fields.refuse("suffix", "this server does not fill gaps");
  fields.ignore("user");
}

}  // namespace

Generation read_completion(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  read_model(fields, context);
  const std::vector<std::string> prompts = read_prompts(fields);
  read_sampling(fields, context, request);
  read_stop(fields, "stop", request);
  read_max_tokens(fields, {"max_tokens"}, kDefaultMaxTokens, context, request);
  if (const auto top = fields.integer("logprobs", 0, kMaxLogprobs)) {
    request.logprobs = static_cast<int>(*top);
  }
  read_response_format(fields, "response_format", request);
  request.priority = static_cast<int>(fields.integer("priority", -1000, 1000).value_or(0));
  const std::int64_t most = context.options.limits.max_choices;
  const std::int64_t per_prompt = fields.integer("n", 1, most).value_or(1);
  const auto count = static_cast<std::int64_t>(prompts.size());
  if (count > most / per_prompt) {
    refuse_field("prompt", "prompt: this server gives at most {} answers to a request, found {}",
                 most, count * per_prompt);
  }
  const bool stream = fields.boolean("stream").value_or(false);
  const bool include_usage = read_include_usage(fields, stream);
  read_other_fields(fields);
  fields.done();

  Generation generation;
  for (const std::string& prompt : prompts) {
    request.prompt = prompt;
    for (Request& choice : choices_of(request, per_prompt)) {
      generation.requests.push_back(std::move(choice));
    }
  }
  generation.stream = stream;
  generation.format = std::make_unique<CompletionFormat>(context, request.logprobs.has_value(),
                                                         include_usage, count, per_prompt);
  return generation;
}

}  // namespace saccade::server
