#include "cli/result_json.h"

#include <boost/json/array.hpp>
#include <cmath>

namespace saccade::cli {
namespace json = boost::json;
namespace {

json::object token_json(const TokenLogprob& token) {
  return {{"id", token.id}, {"logprob", token.logprob}};
}

json::array logprobs_json(const std::vector<GeneratedLogprob>& logprobs) {
  json::array list;
  for (const GeneratedLogprob& generated : logprobs) {
    json::object entry = token_json(generated.token);
    json::array top;
    for (const TokenLogprob& token : generated.top) top.push_back(token_json(token));
    entry["top"] = std::move(top);
    list.push_back(std::move(entry));
  }
  return list;
}

const char* name_of(FinishReason reason) {
  return reason == FinishReason::kLength ? "length" : "stop";
}

}  // namespace

double rounded(double value) {
  return std::round(value * 1000.0) / 1000.0;
}

json::object timings_json(const Timings& timings) {
  return {{"load_ms", rounded(timings.load_ms)},
          {"media_ms", rounded(timings.media_ms)},
          {"vision_ms", rounded(timings.vision_ms)},
          {"prefill_ms", rounded(timings.prefill_ms)},
          {"decode_ms", rounded(timings.decode_ms)},
          {"ttft_ms", rounded(timings.ttft_ms)},
          {"prefill_tokens_per_second", rounded(timings.prefill_tokens_per_second)},
          {"decode_tokens_per_second", rounded(timings.decode_tokens_per_second)}};
}

json::object result_json(const Result& result, bool with_logprobs) {
  json::object object;
  object["text"] = result.text;
  object["token_ids"] = json::array(result.token_ids.begin(), result.token_ids.end());
  object["finish_reason"] = name_of(result.finish_reason);
  object["usage"] = {{"prompt_tokens", result.usage.prompt_tokens},
                     {"image_tokens", result.usage.image_tokens},
                     {"completion_tokens", result.usage.completion_tokens}};
  object["timings"] = timings_json(result.timings);
  if (with_logprobs) object["logprobs"] = logprobs_json(result.logprobs);
  return object;
}

json::object remote_result_json(const Result& result) {
  return {{"text", result.text},
          {"finish_reason", name_of(result.finish_reason)},
          {"usage",
           {{"prompt_tokens", result.usage.prompt_tokens},
            {"cached_tokens", result.usage.cached_tokens},
            {"completion_tokens", result.usage.completion_tokens}}},
          {"timings",
           {{"ttft_ms", rounded(result.timings.ttft_ms)},
            {"decode_ms", rounded(result.timings.decode_ms)}}}};
}

}  // namespace saccade::cli
