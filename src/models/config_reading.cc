#include "models/config_reading.h"

#include "base/error.h"

namespace saccade::models {
namespace {

std::vector<std::int32_t> end_tokens_of(const JsonObject& object) {
  const boost::json::value* value = object.find("eos_token_id");
  if (!value) return {};
  const std::vector<std::int64_t> found =
      value->is_array() ? object.integers("eos_token_id")
                        : std::vector<std::int64_t>{object.integer("eos_token_id")};
  std::vector<std::int32_t> ids;
  for (const std::int64_t id : found) ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

}  // namespace

int read_int(const JsonObject& config, std::string_view key, std::int64_t low, std::int64_t high) {
  return static_cast<int>(config.integer_in(key, low, high));
}

int read_int_or(const JsonObject& config, std::string_view key, int otherwise, std::int64_t low,
                std::int64_t high) {
  if (config.has(key)) return read_int(config, key, low, high);
  // The limits may be other settings, which a default knows nothing of.
  if (otherwise < low || otherwise > high) {
    fail("{}: {} is missing, and its default, {}, is not from {} to {}", config.where(), key,
         otherwise, low, high);
  }
  return otherwise;
}

compute::Activation read_activation(const JsonObject& config, std::string_view key,
                                    std::string_view otherwise) {
  const std::string name = config.string_or(key, otherwise);
  const auto activation = compute::activation_named(name);
  if (!activation) fail("{}: {} \"{}\" is not supported", config.where(), key, name);
  return *activation;
}

std::vector<std::int32_t> read_end_tokens(const checkpoint::Checkpoint& checkpoint) {
  std::vector<std::int32_t> ids;
  if (const auto generation = checkpoint.optional_json("generation_config.json")) {
    ids = end_tokens_of(JsonObject(*generation, checkpoint.where("generation_config.json")));
  }
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  if (ids.empty()) ids = end_tokens_of(top);
  if (ids.empty() && top.has("text_config")) ids = end_tokens_of(top.object("text_config"));
  return ids;
}

}  // namespace saccade::models
