#include "server/request_fields.h"

#include <charconv>
#include <chrono>

#include "base/error.h"
#include "base/json.h"
#include "server/repeated_key.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

// OpenAI's own bounds of these fields.
constexpr double kMaxBias = 100.0;
constexpr double kMaxPenalty = 2.0;
constexpr std::size_t kMaxStops = 64;

std::pair<std::int32_t, float> read_bias(std::string_view key, const json::value& value,
                                         const ApiContext& context, const std::string& where) {
  std::int32_t id = -1;
  const char* end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(key.data(), end, id);
  const std::int32_t vocab_size = context.tokenizer.vocab_size();
  if (error != std::errc() || stop != end || id < 0 || id >= vocab_size) {
    refuse_field(where, "{}: wanted token ids from 0 to {}, found \"{}\"", where, vocab_size - 1,
                 key);
  }
  const double bias = value.is_number() ? value.to_number<double>() : 2.0 * kMaxBias;
  if (!(bias >= -kMaxBias && bias <= kMaxBias)) {
    refuse_field(where, "{}.{}: wanted a number from {} to {}, found {}", where, key, -kMaxBias,
                 kMaxBias, shown(value));
  }
  return {id, static_cast<float>(bias)};
}

void read_logit_bias(Fields& fields, const ApiContext& context, Sampling& sampling) {
  const json::value* value = fields.find("logit_bias");
  if (!value) return;
  const std::string where = fields.path("logit_bias");
  if (!value->is_object()) {
    refuse_field(where, "{}: wanted an object of token ids and numbers, found {}", where,
                 shown(*value));
  }
  for (const auto& [key, bias] : value->get_object()) {
    sampling.logit_bias.push_back(read_bias({key.data(), key.size()}, bias, context, where));
  }
}

}  // namespace

void check_model_name(const std::string& name, const ApiContext& context) {
  if (name == context.model_name) return;
  throw ApiError(404,
                 fmt::format("there is no model \"{}\" here; this server has \"{}\"", name,
                             context.model_name),
                 "model", "model_not_found");
}

void read_model(Fields& fields, const ApiContext& context) {
  if (const auto name = fields.text("model")) check_model_name(*name, context);
}

void read_sampling(Fields& fields, const ApiContext& context, Request& request) {
  Sampling& sampling = request.sampling;
  sampling.temperature = fields.number("temperature", 0.0);
  sampling.top_p = fields.number("top_p", 0.0, 1.0);
  // Other servers write -1 for all.
  sampling.top_k = fields.integer("top_k", -1);
  if (sampling.top_k && *sampling.top_k < 0) sampling.top_k = 0;
  sampling.min_p = fields.number("min_p", 0.0, 1.0);
  sampling.repetition_penalty = fields.number("repetition_penalty", 0.0);
  sampling.presence_penalty = fields.number("presence_penalty", -kMaxPenalty, kMaxPenalty);
  sampling.frequency_penalty = fields.number("frequency_penalty", -kMaxPenalty, kMaxPenalty);
  read_logit_bias(fields, context, sampling);
  if (const auto seed = fields.integer("seed")) {
    sampling.seed = static_cast<std::uint64_t>(*seed);
  }
  request.ignore_end = fields.boolean("ignore_eos").value_or(false);
}

void read_stop(Fields& fields, std::string_view name, Request& request) {
  const json::value* value = fields.find(name);
  if (!value) return;
  const std::string where = fields.path(name);
  const auto add = [&](const json::value& text) {
    if (!text.is_string() || text.get_string().empty()) {
      refuse_field(where, "{}: wanted a text or a list of texts, none of them empty, found {}",
                   where, shown(text));
    }
    request.stop.emplace_back(text.get_string());
  };
  if (!value->is_array()) return add(*value);
  if (value->get_array().size() > kMaxStops) {
    refuse_field(where, "{}: wanted at most {} texts, found {}", where, kMaxStops,
                 value->get_array().size());
  }
  for (const json::value& text : value->get_array()) add(text);
}

void read_max_tokens(Fields& fields, std::initializer_list<std::string_view> names,
                     std::int64_t otherwise, const ApiContext& context, Request& request) {
  const std::optional<std::int64_t> most = context.options.limits.max_tokens;
  request.max_tokens = most ? std::min(*most, otherwise) : otherwise;
  bool found = false;
  for (const std::string_view name : names) {
    const auto wanted = fields.integer(name, 1);
    if (!wanted || found) continue;
    found = true;
    if (most && *wanted > *most) {
      refuse_field(fields.path(name), "{}: this server answers with at most {} tokens, found {}",
                   fields.path(name), *most, *wanted);
    }
    request.max_tokens = *wanted;
  }
}

void read_pixel_budget(Fields& fields, Request& request) {
  request.min_pixels = fields.integer("min_pixels", 1);
  request.max_pixels = fields.integer("max_pixels", 1);
  if (request.min_pixels && request.max_pixels && *request.min_pixels > *request.max_pixels) {
    refuse_field(fields.path("min_pixels"), "{} {} is larger than max_pixels {}",
                 fields.path("min_pixels"), *request.min_pixels, *request.max_pixels);
  }
}

bool read_include_usage(Fields& fields, bool stream) {
  std::optional<Fields> options = fields.object("stream_options");
  if (!options) return false;
  if (!stream) refuse_field("stream_options", "stream_options needs \"stream\": true");
  const bool include = options->boolean("include_usage").value_or(false);
  options->only("include_obfuscation", false, "this server does not pad its events");
  options->done();
  return include;
}

void read_template_variables(Fields& fields, Request& request) {
  const json::value* value = fields.find("chat_template_kwargs");
  if (!value) return;
  const std::string where = fields.path("chat_template_kwargs");
  if (!value->is_object()) {
    refuse_field(where, "{}: wanted an object, found {}", where, shown(*value));
  }
  for (const auto& [key, variable] : value->get_object()) {
    const std::string name(key);
    if (name == "messages" || name == "tools") {
      refuse_field(where, "{}: {} is a field of the request and not a variable", where, name);
    }
    request.template_variables.emplace_back(name, json::serialize(variable));
  }
}

std::vector<Request> choices_of(const Request& request, std::int64_t count) {
  std::vector<Request> choices;
  for (std::int64_t i = 0; i < count; ++i) {
    choices.push_back(request);
    auto& seed = choices.back().sampling.seed;
    if (seed) *seed += static_cast<std::uint64_t>(i);
  }
  return choices;
}

std::string_view finish_reason_name(FinishReason reason) {
  return reason == FinishReason::kLength ? "length" : "stop";
}

std::int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

json::value parse_body(const std::string& body) {
  try {
    json::value value = parse_json(body, "the request's body");
    if (const auto key = repeated_key(body)) {
      refuse_field(*key, "{}: is given twice, and only one of them could count", *key);
    }
    return value;
  } catch (const Error& error) {
    throw ApiError(400, error.what(), {}, "invalid_json");
  }
}

}  // namespace saccade::server
