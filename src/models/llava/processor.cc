#include "base/error.h"
#include "media/crop.h"
#include "models/clip_images.h"
#include "models/llava/llava.h"
#include "models/pixtral_processor.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::llava {
namespace {

class LlavaProcessor : public VlmProcessor {
 public:
  LlavaProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                 const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        images_(files.image_processor()) {
    check(files);
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return config_.picture_tokens(grid);
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    media::Image image = images_.prepare(picture);
    // What is left over after whole patches is not looked at by the convolution.
    const int patch = config_.vision.patch_size;
    const int width = image.width / patch * patch;
    const int height = image.height / patch * patch;
    if (width != image.width || height != image.height) {
      image = media::crop(image, 0, 0, width, height);
    }
    return media::tiles_to_patches({&image, 1}, 1, 1, patch, images_.scale());
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

 private:
  void check(const ProcessorFiles& files) const {
    files.refuse_unknown({"patch_size", "vision_feature_select_strategy", "image_token",
                          "num_additional_image_tokens"});
    files.expect("vision_feature_select_strategy", config_.drop_first ? "default" : "full");
    files.expect("patch_size", config_.vision.patch_size);
    files.expect("num_additional_image_tokens", config_.vision.has_class_token() ? 1 : 0);
  }

  Config config_;
  ClipImages images_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const ProcessorFiles files(checkpoint);
  if (config.pixtral) {
    return load_pixtral_processor(checkpoint, files,
                                  {config.image_token, config.text.decoder.vocab_size,
                                   config.vision.patch_size, /*merge_size=*/1});
  }
  return std::make_unique<LlavaProcessor>(checkpoint, config, files);
}

}  // namespace saccade::models::llava
