#include "base/error.h"
#include "media/image_settings.h"
#include "models/paligemma/paligemma.h"
#include "models/processor_files.h"
#include "models/text_processor.h"
#include "models/vlm_processor.h"

namespace saccade::models::paligemma {
namespace {

using media::Image;
using media::Size;

media::ImageSettings read_settings(const JsonObject& config, const Config& model) {
  const media::ImageSettings settings = media::read_image_settings(
      config, {{.type = "SiglipImageProcessor", .keys = {"image_seq_length"}}});
  const int side = model.vision.grid_height * model.vision.patch_size;
  const Size tower{side, model.vision.grid_width * model.vision.patch_size};
  if (media::read_size(config, "size").value_or(Size{224, 224}) != tower) {
    fail("{}: \"size\" differs from config.json's image_size, {}", config.where(), side);
  }
  const std::int64_t tokens = config.integer_or("image_seq_length", model.picture_tokens());
  if (tokens != model.picture_tokens()) {
    fail("{}: image_seq_length {} differs from the tower's {} patches", config.where(), tokens,
         model.picture_tokens());
  }
  return settings;
}

class PaliGemmaProcessor : public VlmProcessor {
 public:
  PaliGemmaProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                     const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size,
                     ChatUse::kNone),
        config_(config),
        settings_(read_settings(files.image_processor(), config)),
        bos_(require_special_token(checkpoint, "bos_token")) {
    files.refuse_unknown({"image_seq_length"});
  }

  std::int64_t image_tokens(const media::PatchGrid&) const override {
    return config_.picture_tokens();
  }

  /// What the parts of the one message say.
  using VlmProcessor::render;
  std::string render(const std::vector<ChatMessage>& messages,
                     const boost::json::object& variables) const override {
    refuse_variables(variables, "PaliGemma");
    if (messages.size() != 1 || messages[0].role != "user") {
      fail_usage(
          "PaliGemma reads one question about pictures: leave out system messages and earlier "
          "turns");
    }
    std::string text;
    for (const ContentPart& part : messages[0].content) {
      text += part.image < 0 ? part.text : placeholder();
    }
    return text;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const nn::VitConfig& tower = config_.vision;
    const Image resized = picture.resized(tower.grid_width * tower.patch_size,
                                          tower.grid_height * tower.patch_size, settings_.resample);
    return media::tiles_to_patches({&resized, 1}, 1, 1, tower.patch_size, settings_.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

  /// The token that begins a text comes behind the last picture, a line break at the end.
  std::string complete(const std::string& rendered) const override {
    const std::size_t last = rendered.rfind(placeholder());
    const std::size_t behind = last == std::string::npos ? 0 : last + placeholder().size();
    return rendered.substr(0, behind) + bos_ + rendered.substr(behind) + "\n";
  }

  std::vector<TokenRun> mutual_runs(const Prompt& prompt) const override {
    const auto tokens = static_cast<std::int64_t>(prompt.token_ids.size());
    return {{.begin = 0, .count = tokens, .past_windows = true}};
  }

  std::int32_t first_position() const override { return 1; }

 private:
  Config config_;
  media::ImageSettings settings_;
  std::string bos_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<PaliGemmaProcessor>(checkpoint, read_config(checkpoint),
                                              ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::paligemma
