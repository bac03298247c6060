// Log-probabilities and token counts as OpenAI's APIs show them.
#pragma once

#include <boost/json.hpp>
#include <span>

#include "saccade/request.h"
#include "saccade/tokenizer.h"

namespace saccade::server {

/// Of chat completions: {"content": [{"token", "logprob", "bytes", "top_logprobs"}, ...]}.
boost::json::object chat_logprobs(std::span<const GeneratedLogprob> tokens,
                                  const Tokenizer& tokenizer);

/// Of completions: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}. `offset` counts the
/// characters of the text before these tokens and is moved on behind them.
boost::json::object completion_logprobs(std::span<const GeneratedLogprob> tokens,
                                        const Tokenizer& tokenizer, std::int64_t& offset);

/// {"prompt_tokens", "completion_tokens", "total_tokens"} and details of the first two, of all
/// choices: a prompt that several of them share counts once.
boost::json::object openai_usage(std::span<const Result> results, std::int64_t choices_per_prompt);

}  // namespace saccade::server
