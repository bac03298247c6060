// Prompts of models that read text alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/chat.h"
#include "models/processor.h"

namespace saccade::models {

/// The tokenizer of a checkpoint. Throws Error when it has more ids than the model has embeddings.
text::Tokenizer load_tokenizer(const checkpoint::Checkpoint& checkpoint, std::int64_t vocab_size);

/// The same from a document that was made of tokenizer.json.
text::Tokenizer make_tokenizer(const checkpoint::Checkpoint& checkpoint,
                               const boost::json::value& document, std::int64_t vocab_size);

/// The token that tokenizer_config.json gives a role, such as "bos_token", as written; nothing
/// where it gives it to none.
std::optional<std::string> read_special_token(const checkpoint::Checkpoint& checkpoint,
                                              std::string_view role);
/// The same; throws Error naming the role where there is none.
std::string require_special_token(const checkpoint::Checkpoint& checkpoint, std::string_view role);

/// Chat template and tokenizer; a picture is refused.
class TextProcessor : public Processor {
 public:
  TextProcessor(const checkpoint::Checkpoint& checkpoint, std::int64_t vocab_size);

  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  const std::vector<std::int32_t>& end_tokens() const override { return end_tokens_; }
  media::Patches process_image(const media::Picture& picture, const PixelBudget& budget,
                               bool alone) const override;
  std::int64_t image_tokens(const media::PatchGrid& grid) const override;
  using Processor::render;
  std::string render(const std::vector<ChatMessage>& messages,
                     const boost::json::object& variables) const override;
  Prompt tokenize(const std::string& rendered, const std::vector<int>& order,
                  const std::vector<media::PatchGrid>& grids) const override;
  Prompt place_tokens(std::vector<std::int32_t> token_ids, const std::vector<int>& order,
                      const std::vector<media::PatchGrid>& grids) const override;

 private:
  std::string model_type_;
  text::Tokenizer tokenizer_;
  ChatFormat chat_;
  std::vector<std::int32_t> end_tokens_;
};

}  // namespace saccade::models
