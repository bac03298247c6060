#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/config_reading.h"
#include "models/gemma3/gemma3.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::gemma3 {
namespace {

using media::Image;
using media::Size;

struct ImageParams {
  media::ImageSettings settings;
  Size size = {224, 224};
  bool pan_and_scan = false;  ///< elongated pictures are read in crops as well
  int min_crop_size = 256;
  int max_num_crops = 4;
  double min_ratio = 1.2;
};

ImageParams read_image_params(const JsonObject& config) {
  ImageParams params;
  params.settings = media::read_image_settings(
      config, {{.type = "Gemma3ImageProcessor",
                .resample = media::Resample::kBilinear,
                .keys = {"do_pan_and_scan", "pan_and_scan_min_crop_size",
                         "pan_and_scan_max_num_crops", "pan_and_scan_min_ratio_to_activate"}}});
  params.size = media::read_size(config, "size").value_or(params.size);
  if (!params.settings.do_resize) {
    fail("{}: \"do_resize\" must be true: the tower takes one size", config.where());
  }
  params.pan_and_scan = config.boolean_or("do_pan_and_scan", false);
  params.min_crop_size =
      read_int_or(config, "pan_and_scan_min_crop_size", params.min_crop_size, 1, 1 << 20);
  params.max_num_crops =
      read_int_or(config, "pan_and_scan_max_num_crops", params.max_num_crops, 1, 1024);
  params.min_ratio = config.number_or("pan_and_scan_min_ratio_to_activate", params.min_ratio);
  return params;
}

/// The crops along the longer side, in order; none for a picture that is not elongated enough or
/// whose crops would be too small.
std::vector<Image> pan_and_scan(const Image& image, const ImageParams& params) {
  const bool wide = image.width >= image.height;
  const int longer = wide ? image.width : image.height;
  const int shorter = wide ? image.height : image.width;
  const double ratio = static_cast<double>(longer) / shorter;
  if (ratio < params.min_ratio) return {};
  int count = std::min(longer / params.min_crop_size, static_cast<int>(std::floor(ratio + 0.5)));
  count = std::min(params.max_num_crops, std::max(2, count));
  const int length = (longer + count - 1) / count;
  if (std::min(length, shorter) < params.min_crop_size) return {};
  std::vector<Image> crops;
  for (int i = 0; i < count; ++i) {
    const int begin = i * length;
    const int extent = std::min(length, longer - begin);
    crops.push_back(wide ? media::crop(image, begin, 0, extent, image.height)
                         : media::crop(image, 0, begin, image.width, extent));
  }
  return crops;
}

class Gemma3Processor : public VlmProcessor {
 public:
  Gemma3Processor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                  const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        params_(read_image_params(files.image_processor())),
        begin_text_(token_text(config.begin_token)),
        end_text_(token_text(config.end_token)) {
    files.refuse_unknown({"image_seq_length"});
    const std::int64_t said = files.processor().integer_or("image_seq_length", 256);
    if (said != config.picture_tokens()) {
      fail("{}: image_seq_length {} differs from config.json's mm_tokens_per_image, {}",
           files.processor().where(), said, config.picture_tokens());
    }
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return config_.picture_tokens() * grid.tiles;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    std::vector<Image> tiles;
    const auto add = [&](const media::Picture& whole) {
      tiles.push_back(
          whole.resized(params_.size.width, params_.size.height, params_.settings.resample));
    };
    // Before the whole is resized, so that a file is decoded once.
    std::vector<Image> crops;
    if (params_.pan_and_scan) crops = pan_and_scan(picture.pixels(), params_);
    add(picture);
    for (const Image& part : crops) add(part);
    const bool wide = picture.width() >= picture.height();
    const int parts = std::max(1, static_cast<int>(crops.size()));
    return media::tiles_to_patches(tiles, wide ? 1 : parts, wide ? parts : 1,
                                   config_.vision.patch_size, params_.settings.scale);
  }

  std::string placeholder() const override { return begin_text_; }

  std::vector<TokenRun> mutual_runs(const Prompt& prompt) const override {
    std::vector<TokenRun> runs;
    for (const MediaSpan& span : prompt.media) runs.push_back({span.begin, span.count});
    return runs;
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    std::string one =
        fmt::format("\n\n{}{}{}\n\n", begin_text_,
                    repeated(image_token_text(), config_.picture_tokens()), end_text_);
    if (grid.tiles == 1) return one;
    std::string text = "Here is the original image " + one +
                       " and here are some crops to help you see better " + one;
    for (int i = 2; i < grid.tiles; ++i) text += " " + one;
    return text;
  }

 private:
  Config config_;
  ImageParams params_;
  std::string begin_text_;
  std::string end_text_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<Gemma3Processor>(checkpoint, read_config(checkpoint),
                                           ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::gemma3
