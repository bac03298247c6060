#include "base/error.h"
#include "models/clip_images.h"
#include "models/fast_vlm/fast_vlm.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::fast_vlm {
namespace {

class FastVlmProcessor : public VlmProcessor {
 public:
  FastVlmProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                   const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        images_(files.image_processor()) {
    files.refuse_unknown({"patch_size", "vision_feature_select_strategy", "image_token",
                          "num_additional_image_tokens"});
    files.expect("vision_feature_select_strategy", "full");
    files.expect("patch_size", kTotalStride);
    files.expect("num_additional_image_tokens", 0);
    if (const auto size = images_.fixed_size()) {
      check_size(*size, files.image_processor().where());
    }
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return std::int64_t{grid.h / kTotalStride} * (grid.w / kTotalStride);
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const media::Image image = images_.prepare(picture);
    check_size({image.height, image.width}, "the image processor's settings");
    // The tower takes pixels as they are.
    return media::tiles_to_patches({&image, 1}, 1, 1, /*patch_size=*/1, images_.scale());
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

 private:
  static void check_size(const media::Size& size, const std::string& where) {
    if (size.width % kTotalStride != 0 || size.height % kTotalStride != 0) {
      fail("{}: pictures of {} x {} pixels do not divide into tokens of {}", where, size.width,
           size.height, kTotalStride);
    }
  }

  ClipImages images_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<FastVlmProcessor>(checkpoint, read_config(checkpoint),
                                            ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::fast_vlm
