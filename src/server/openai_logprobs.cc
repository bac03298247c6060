#include "server/openai_logprobs.h"

#include <algorithm>

#include "base/utf8.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

// JSON has no number for what is impossible; OpenAI writes this.
constexpr double kImpossible = -9999.0;

double finite(double logprob) {
  return std::max(logprob, kImpossible);
}

std::string token_text(const TokenLogprob& token, const Tokenizer& tokenizer) {
  return valid_utf8(tokenizer.token_bytes(token.id));
}

json::object chat_token(const TokenLogprob& token, const Tokenizer& tokenizer) {
  json::array bytes;
  for (const char byte : tokenizer.token_bytes(token.id)) {
    bytes.push_back(static_cast<unsigned char>(byte));
  }
  return {{"token", token_text(token, tokenizer)},
          {"logprob", finite(token.logprob)},
          {"bytes", std::move(bytes)}};
}

std::int64_t count_characters(std::string_view text) {
  return std::ranges::count_if(text, [](char byte) { return (byte & 0xC0) != 0x80; });
}

}  // namespace

json::object chat_logprobs(std::span<const GeneratedLogprob> tokens, const Tokenizer& tokenizer) {
  json::array content;
  for (const GeneratedLogprob& generated : tokens) {
    json::object token = chat_token(generated.token, tokenizer);
    json::array top;
    for (const TokenLogprob& other : generated.top) top.push_back(chat_token(other, tokenizer));
    token["top_logprobs"] = std::move(top);
    content.push_back(std::move(token));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

json::object completion_logprobs(std::span<const GeneratedLogprob> tokens,
                                 const Tokenizer& tokenizer, std::int64_t& offset) {
  json::array texts;
  json::array logprobs;
  json::array tops;
  json::array offsets;
  for (const GeneratedLogprob& generated : tokens) {
    const std::string text = token_text(generated.token, tokenizer);
    json::object top;
    for (const TokenLogprob& other : generated.top) {
      top[token_text(other, tokenizer)] = finite(other.logprob);
    }
    texts.push_back(json::value(text));
    logprobs.push_back(finite(generated.token.logprob));
    tops.push_back(std::move(top));
    offsets.push_back(offset);
    offset += count_characters(text);
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

json::object openai_usage(std::span<const Result> results, std::int64_t choices_per_prompt) {
  std::int64_t prompt = 0;
  std::int64_t cached = 0;
  std::int64_t completion = 0;
  std::int64_t reasoning = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Usage& usage = results[i].usage;
    completion += usage.completion_tokens;
    reasoning += usage.reasoning_tokens;
    if (i % static_cast<std::size_t>(choices_per_prompt) != 0) continue;
    prompt += usage.prompt_tokens;
    cached += usage.cached_tokens;
  }
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", json::object{{"cached_tokens", cached}}},
          {"completion_tokens_details", json::object{{"reasoning_tokens", reasoning}}}};
}

}  // namespace saccade::server
