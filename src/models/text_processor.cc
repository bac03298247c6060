#include "models/text_processor.h"

#include <numeric>

#include "base/error.h"
#include "models/config_reading.h"

namespace saccade::models {

text::Tokenizer load_tokenizer(const checkpoint::Checkpoint& checkpoint, std::int64_t vocab_size) {
  return make_tokenizer(checkpoint, checkpoint.json("tokenizer.json"), vocab_size);
}

text::Tokenizer make_tokenizer(const checkpoint::Checkpoint& checkpoint,
                               const boost::json::value& document, std::int64_t vocab_size) {
  text::Tokenizer tokenizer =
      text::Tokenizer::from_json(document, checkpoint.where("tokenizer.json"));
  if (tokenizer.vocab_size() > vocab_size) {
    fail("{}: tokenizer.json has ids up to {}, config.json a vocab_size of {}", checkpoint.where(),
         tokenizer.vocab_size() - 1, vocab_size);
  }
  return tokenizer;
}

std::optional<std::string> read_special_token(const checkpoint::Checkpoint& checkpoint,
                                              std::string_view role) {
  const auto document = checkpoint.optional_json("tokenizer_config.json");
  if (!document) return std::nullopt;
  const JsonObject config(*document, checkpoint.where("tokenizer_config.json"));
  const boost::json::value* token = config.find(role);
  if (!token) return std::nullopt;
  return token->is_object() ? config.object(role).string("content") : config.string(role);
}

std::string require_special_token(const checkpoint::Checkpoint& checkpoint, std::string_view role) {
  auto token = read_special_token(checkpoint, role);
  if (!token) fail("{}: names no {}", checkpoint.where("tokenizer_config.json"), role);
  return std::move(*token);
}

TextProcessor::TextProcessor(const checkpoint::Checkpoint& checkpoint, std::int64_t vocab_size)
    : model_type_(
          JsonObject(checkpoint.config(), checkpoint.where("config.json")).string("model_type")),
      tokenizer_(load_tokenizer(checkpoint, vocab_size)),
      chat_(checkpoint),
      end_tokens_(read_end_tokens(checkpoint)) {}

media::Patches TextProcessor::process_image(const media::Picture&, const PixelBudget&, bool) const {
  fail("{} models read text alone and take no pictures; choose a vision-language model",
       model_type_);
}

std::int64_t TextProcessor::image_tokens(const media::PatchGrid&) const {
  return 0;
}

std::string TextProcessor::render(const std::vector<ChatMessage>& messages,
                                  const boost::json::object& variables) const {
  return chat_.render(messages, variables);
}

Prompt TextProcessor::tokenize(const std::string& rendered, const std::vector<int>& order,
                               const std::vector<media::PatchGrid>& grids) const {
  return place_tokens(tokenizer_.encode(rendered), order, grids);
}

Prompt TextProcessor::place_tokens(std::vector<std::int32_t> token_ids, const std::vector<int>&,
                                   const std::vector<media::PatchGrid>&) const {
  Prompt prompt;
  prompt.token_ids = std::move(token_ids);
  prompt.positions.resize(prompt.token_ids.size());
  std::iota(prompt.positions.begin(), prompt.positions.end(), 0);
  prompt.next_position = static_cast<std::int32_t>(prompt.token_ids.size());
  return prompt;
}

}  // namespace saccade::models
