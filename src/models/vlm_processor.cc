#include "models/vlm_processor.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/text_processor.h"

namespace saccade::models {

std::string repeated(const std::string& text, std::int64_t count) {
  std::string result;
  result.reserve(text.size() * static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) result += text;
  return result;
}

VlmProcessor::VlmProcessor(const checkpoint::Checkpoint& checkpoint, std::int32_t image_token,
                           std::int64_t vocab_size, ChatUse chat, std::string_view default_template)
    : VlmProcessor(checkpoint, image_token, load_tokenizer(checkpoint, vocab_size), chat,
                   default_template) {}

VlmProcessor::VlmProcessor(const checkpoint::Checkpoint& checkpoint, std::int32_t image_token,
                           text::Tokenizer tokenizer, ChatUse chat,
                           std::string_view default_template)
    : where_(checkpoint.where()),
      image_token_(image_token),
      tokenizer_(std::move(tokenizer)),
      end_tokens_(read_end_tokens(checkpoint)),
      image_token_text_(token_text(image_token)) {
  if (chat == ChatUse::kTemplate) chat_.emplace(checkpoint, default_template);
}

std::string VlmProcessor::token_text(std::int32_t id) const {
  std::string text(tokenizer_.token_bytes(id));
  if (text.empty()) {
    fail("{}: config.json names token {}, which tokenizer.json does not have", where_, id);
  }
  return text;
}

media::Patches VlmProcessor::process_image(const media::Picture& picture, const PixelBudget& budget,
                                           bool alone) const {
  if (budget.min_pixels || budget.max_pixels) {
    fail_usage(
        "min-pixels and max-pixels: this model takes pictures at the sizes its files say; leave "
        "them out");
  }
  return alone ? prepare_image(picture) : prepare_one_of_several(picture);
}

void refuse_variables(const boost::json::object& variables, std::string_view family) {
  for (const auto& [name, value] : variables) {
    if (name == "add_generation_prompt") continue;
    fail_usage("{} has no chat template: leave out {}", family, std::string_view(name));
  }
}

std::string VlmProcessor::render(const std::vector<ChatMessage>& messages,
                                 const boost::json::object& variables) const {
  return chat_.value().render(messages, variables);
}

std::string VlmProcessor::expand(const std::string& rendered, const std::vector<int>& order,
                                 const std::vector<media::PatchGrid>& grids) const {
  const std::string mark = placeholder();
  std::string text;
  std::size_t images = 0;
  std::size_t begin = 0;
  for (;; ++images) {
    const std::size_t found = rendered.find(mark, begin);
    text.append(rendered, begin, found - begin);
    if (found == std::string::npos) break;
    if (images < order.size()) text += picture_text(grids[order[images]]);
    begin = found + mark.size();
  }
  if (images != order.size()) {
    fail(
        "the prompt has {} image placeholders for {} images: the chat template does not place "
        "every image once, or the text itself holds a placeholder token",
        images, order.size());
  }
  return text;
}

Prompt VlmProcessor::tokenize(const std::string& rendered, const std::vector<int>& order,
                              const std::vector<media::PatchGrid>& grids) const {
  // As transformers' processors: the tokenizer adds what it adds to any text, unless the template
  // has begun with the first of it.
  const std::string bos = chat_ ? chat_->bos_token() : "";
  const bool begun = !chat_ || (!bos.empty() && rendered.starts_with(bos));
  return place_tokens(
      tokenizer_.encode(finish(expand(complete(rendered), order, grids)), {.add_special = !begun}),
      order, grids);
}

Prompt VlmProcessor::place_tokens(std::vector<std::int32_t> token_ids,
                                  const std::vector<int>& order,
                                  const std::vector<media::PatchGrid>& grids) const {
  Prompt prompt;
  prompt.token_ids = std::move(token_ids);
  const auto tokens = static_cast<std::int64_t>(prompt.token_ids.size());
  prompt.positions.resize(tokens);
  std::iota(prompt.positions.begin(), prompt.positions.end(), first_position());
  prompt.next_position = first_position() + static_cast<std::int32_t>(tokens);
  std::size_t image = 0;    // at this placeholder
  std::int64_t filled = 0;  // of its tokens
  bool running = false;     // the token before was one of them
  for (std::int64_t i = 0; i < tokens; ++i) {
    if (prompt.token_ids[i] != image_token_) {
      running = false;
      continue;
    }
    if (image < order.size() && filled == image_tokens(grids[order[image]])) {
      ++image;
      filled = 0;
      running = false;
    }
    if (image == order.size()) fail("the text holds the token {}", image_token_text_);
    if (running) {
      ++prompt.media.back().count;
    } else {
      prompt.media.push_back({order[image], i, 1, filled});
    }
    running = true;
    ++filled;
  }
  if (!order.empty() &&
      (image + 1 != order.size() || filled != image_tokens(grids[order[image]]))) {
    fail("{}: the text of a picture does not tokenize to the tokens it should have", where_);
  }
  prompt.mutual = mutual_runs(prompt);
  return prompt;
}

}  // namespace saccade::models
