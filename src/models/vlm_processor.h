// What the processors of vision-language families share whose prompts are text with placeholders.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/chat.h"
#include "models/processor.h"

namespace saccade::models {

/// Whether a family's checkpoints come with a chat template.
enum class ChatUse { kTemplate, kNone };

/// Renders the chat template, puts the family's text for a picture in the place of each
/// placeholder, and tokenizes the whole: tokens may form across the border of a picture's text, as
/// they do in transformers. Positions count up.
class VlmProcessor : public Processor {
 public:
  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  const std::vector<std::int32_t>& end_tokens() const override { return end_tokens_; }

  /// Refuses a pixel budget: sizes are the checkpoint's.
  media::Patches process_image(const media::Picture& picture, const PixelBudget& budget,
                               bool alone) const final;
  using Processor::render;
  std::string render(const std::vector<ChatMessage>& messages,
                     const boost::json::object& variables) const override;
  Prompt tokenize(const std::string& rendered, const std::vector<int>& order,
                  const std::vector<media::PatchGrid>& grids) const override;
  Prompt place_tokens(std::vector<std::int32_t> token_ids, const std::vector<int>& order,
                      const std::vector<media::PatchGrid>& grids) const override;

 protected:
  /// `image_token` is the token whose embeddings pictures replace, `vocab_size` the decoder's. A
  /// family without chat templates overrides render and writes special tokens itself. Checkpoints
  /// that come without one get `default_template`, if there is such a thing.
  VlmProcessor(const checkpoint::Checkpoint& checkpoint, std::int32_t image_token,
               std::int64_t vocab_size, ChatUse chat = ChatUse::kTemplate,
               std::string_view default_template = {});

  /// The same with a tokenizer that the family has loaded.
  VlmProcessor(const checkpoint::Checkpoint& checkpoint, std::int32_t image_token,
               text::Tokenizer tokenizer, ChatUse chat, std::string_view default_template = {});

  /// The text of a token that config.json names.
  std::string token_text(std::int32_t id) const;
  const std::string& image_token_text() const { return image_token_text_; }
  std::int32_t image_token() const { return image_token_; }

  virtual media::Patches prepare_image(const media::Picture& picture) const = 0;
  /// The same for a picture that is not alone in its request.
  virtual media::Patches prepare_one_of_several(const media::Picture& picture) const {
    return prepare_image(picture);
  }
  /// What a chat template writes for a picture.
  virtual std::string placeholder() const { return image_token_text_; }
  /// What stands in the prompt instead: image_tokens(grid) image tokens and what surrounds them.
  virtual std::string picture_text(const media::PatchGrid& grid) const = 0;
  /// What the processor adds to a rendered prompt, placeholders still in it.
  virtual std::string complete(const std::string& rendered) const { return rendered; }
  /// The prompt with the text of all pictures in it, as it is tokenized.
  virtual std::string finish(std::string expanded) const { return expanded; }
  /// The position of a prompt's first token.
  virtual std::int32_t first_position() const { return 0; }
  /// Tokens that see each other in a prompt that is complete but for these.
  virtual std::vector<TokenRun> mutual_runs(const Prompt& /*prompt*/) const { return {}; }

 private:
  std::string expand(const std::string& rendered, const std::vector<int>& order,
                     const std::vector<media::PatchGrid>& grids) const;

  std::string where_;
  std::int32_t image_token_;
  text::Tokenizer tokenizer_;
  std::optional<ChatFormat> chat_;
  std::vector<std::int32_t> end_tokens_;
  std::string image_token_text_;
};

/// Throws Error (usage) naming a variable that only a chat template could read.
void refuse_variables(const boost::json::object& variables, std::string_view family);

/// `text` `count` times.
std::string repeated(const std::string& text, std::int64_t count);

}  // namespace saccade::models
