#include "models/vlm.h"

#include "base/error.h"
#include "models/text/families.h"

namespace saccade::models {

TextConfig read_nested_text(const JsonObject& top, std::string_view otherwise) {
  const JsonObject text = top.object("text_config");
  return read_text_config(text_families::named_in(text, otherwise), text, top);
}

std::int32_t read_image_token(const JsonObject& top, const std::vector<std::string_view>& keys,
                              std::int64_t vocab_size) {
  for (const std::string_view key : keys) {
    if (top.has(key)) return static_cast<std::int32_t>(top.integer_in(key, 0, vocab_size - 1));
  }
  return static_cast<std::int32_t>(top.integer(keys[0]));  // says that it is missing
}

nn::Mlp load_projector(nn::WeightLoader& weights, const std::string& name, std::int64_t inputs,
                       std::int64_t outputs, bool bias, compute::Activation activation) {
  return {nn::Linear::load(weights, name + "linear_1", outputs, inputs, bias),
          nn::Linear::load(weights, name + "linear_2", outputs, outputs, bias), activation};
}

Description describe_vlm(const checkpoint::Checkpoint& checkpoint, std::string family,
                         std::vector<PartDescription> encoder, const TextConfig& text) {
  Description description;
  description.family = std::move(family);
  description.parts = std::move(encoder);
  for (PartDescription& part :
       describe_decoder(checkpoint, find_decoder(checkpoint), text.decoder)) {
    description.parts.push_back(std::move(part));
  }
  description.vocab_size = text.decoder.vocab_size;
  description.context_length = text.context_length;
  description.kv_layout = text.decoder.kv_layout();
  description.state_layout = text.decoder.state_layout();
  return description;
}

std::string find_prefix(const checkpoint::Checkpoint& checkpoint,
                        const std::vector<std::string>& prefixes, const std::string& tensor) {
  for (const std::string& prefix : prefixes) {
    if (checkpoint.has(prefix + tensor)) return prefix;
  }
  fail("{}: the weights hold no {}{} under any name known", checkpoint.where(), prefixes[0],
       tensor);
}

}  // namespace saccade::models
