#include "models/qwen_vl/processor.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "models/chat.h"
#include "models/text_processor.h"

namespace saccade::models::qwen_vl {
namespace {

/// The image processor's settings: preprocessor_config.json of the published checkpoints, or the
/// entry of processor_config.json into which transformers 5 gathers all of a processor's settings.
media::PatchParams load_patch_params(const checkpoint::Checkpoint& checkpoint) {
  if (const auto document = checkpoint.optional_json("processor_config.json")) {
    const JsonObject root(*document, checkpoint.where("processor_config.json"));
    if (root.has("image_processor")) {
      return media::patch_params_from_json(root.object("image_processor"));
    }
  }
  const std::string name = "preprocessor_config.json";
  const auto document = checkpoint.optional_json(name);
  if (!document) fail("{}: no {} in it", checkpoint.where(), name);
  return media::patch_params_from_json(JsonObject(*document, checkpoint.where(name)));
}

media::PatchParams read_patch_params(const checkpoint::Checkpoint& checkpoint,
                                     const VisionConfig& vision) {
  const media::PatchParams params = load_patch_params(checkpoint);
  if (params.patch_size != vision.patch_size || params.merge_size != vision.spatial_merge_size ||
      params.temporal_patch_size != vision.temporal_patch_size) {
    fail(
        "{}: the image processor's patch_size {}, merge_size {} and temporal_patch_size {} differ "
        "from config.json's {}, {} and {}",
        checkpoint.where(), params.patch_size, params.merge_size, params.temporal_patch_size,
        vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size);
  }
  return params;
}

class QwenVlProcessor : public Processor {
 public:
  QwenVlProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                  const VisionConfig& vision)
      : merge_size_(vision.spatial_merge_size),
        image_token_(config.image_token),
        end_tokens_(config.end_tokens),
        tokenizer_(load_tokenizer(checkpoint, config.text.vocab_size)),
        chat_(checkpoint),
        patch_params_(read_patch_params(checkpoint, vision)) {}

  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  const std::vector<std::int32_t>& end_tokens() const override { return end_tokens_; }

  media::Patches process_image(const media::Picture& picture, const PixelBudget& budget,
                               bool /*alone*/) const override {
    media::PatchParams params = patch_params_;
    if (budget.min_pixels) params.min_pixels = *budget.min_pixels;
    if (budget.max_pixels) params.max_pixels = *budget.max_pixels;
    // A request that moves one end of the range past the other means the end it names.
    if (!budget.min_pixels) params.min_pixels = std::min(params.min_pixels, params.max_pixels);
    if (!budget.max_pixels) params.max_pixels = std::max(params.min_pixels, params.max_pixels);
    return media::image_to_patches(picture, params);
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return static_cast<std::int64_t>(grid.t) * (grid.h / merge_size_) * (grid.w / merge_size_);
  }

  using Processor::render;
  std::string render(const std::vector<ChatMessage>& messages,
                     const boost::json::object& variables) const override {
    return chat_.render(messages, variables);
  }

  Prompt tokenize(const std::string& rendered, const std::vector<int>& order,
                  const std::vector<media::PatchGrid>& grids) const override {
    return place_tokens(tokenizer_.encode(rendered), order, grids);
  }

  Prompt place_tokens(std::vector<std::int32_t> ids, const std::vector<int>& order,
                      const std::vector<media::PatchGrid>& grids) const override {
    const std::ptrdiff_t placeholders = std::count(ids.begin(), ids.end(), image_token_);
    if (placeholders != static_cast<std::ptrdiff_t>(order.size())) {
      fail(
          "the prompt has {} image placeholders for {} images: the chat template does not place "
          "every image once, or the text itself holds a placeholder token",
          placeholders, order.size());
    }
    Prompt prompt;
    prompt.axes = 3;
    std::vector<std::array<std::int32_t, 3>> positions;
    std::size_t images = 0;
    for (const std::int32_t id : ids) {
      if (id == image_token_) {
        append_image(prompt, positions, order[images], grids[order[images]]);
        ++images;
        continue;
      }
      prompt.token_ids.push_back(id);
      const std::int32_t position = prompt.next_position++;
      positions.push_back({position, position, position});
    }
    prompt.positions.resize(3 * positions.size());
    for (std::size_t axis = 0; axis < 3; ++axis) {
      for (std::size_t i = 0; i < positions.size(); ++i) {
        prompt.positions[axis * positions.size() + i] = positions[i][axis];
      }
    }
    return prompt;
  }

 private:
  /// Appends a picture's placeholder tokens. Each stands at its own row and column, counted from
  /// the position after the text; the text that follows goes on after the longer side.
  void append_image(Prompt& prompt, std::vector<std::array<std::int32_t, 3>>& positions, int image,
                    const media::PatchGrid& grid) const {
    const std::int32_t height = grid.h / merge_size_;
    const std::int32_t width = grid.w / merge_size_;
    const std::int32_t start = prompt.next_position;
    prompt.media.push_back(
        {image, static_cast<std::int64_t>(prompt.token_ids.size()), image_tokens(grid)});
    for (std::int32_t t = 0; t < grid.t; ++t) {
      for (std::int32_t y = 0; y < height; ++y) {
        for (std::int32_t x = 0; x < width; ++x) {
          prompt.token_ids.push_back(image_token_);
          positions.push_back({start, start + y, start + x});
        }
      }
    }
    prompt.next_position = start + std::max(height, width);
  }

  int merge_size_;
  std::int32_t image_token_;
  std::vector<std::int32_t> end_tokens_;
  text::Tokenizer tokenizer_;
  ChatFormat chat_;
  media::PatchParams patch_params_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const checkpoint::Checkpoint& checkpoint,
                                          const Config& config, const VisionConfig& vision) {
  return std::make_unique<QwenVlProcessor>(checkpoint, config, vision);
}

}  // namespace saccade::models::qwen_vl
