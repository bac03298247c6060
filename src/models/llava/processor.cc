#include <algorithm>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/llava/llava.h"
#include "models/pixtral_processor.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::llava {
namespace {

using media::Image;

/// The steps that CLIP's, SigLIP's and LLaVA's own image processors are made of.
struct ImageParams {
  media::ImageSettings settings;
  std::optional<int> shortest_edge;  ///< resize to it, the aspect kept; else to `size`
  media::Size size;
  std::optional<media::Size> crop;
  bool pad_to_square = false;  ///< before anything else, with the mean colour
};

std::vector<media::ImageForm> image_forms() {
  const media::PixelScale clip;
  const std::vector<std::string_view> keys = {"crop_size", "do_center_crop", "do_pad"};
  return {{.type = "CLIPImageProcessor", .mean = clip.mean, .std = clip.std, .keys = keys},
          {.type = "LlavaImageProcessor", .mean = clip.mean, .std = clip.std, .keys = keys},
          {.type = "SiglipImageProcessor", .keys = keys}};
}

ImageParams read_image_params(const JsonObject& config) {
  const std::string type = config.string_or("image_processor_type", "CLIPImageProcessor");
  const bool siglip = type.starts_with("Siglip");
  ImageParams params;
  params.settings = media::read_image_settings(config, image_forms());
  params.size = {224, 224};
  // One number means the shorter side, but for SigLIP both.
  const auto size = media::read_size(config, "size");
  params.shortest_edge = media::read_edge(config, "size", "shortest_edge");
  const bool one_number = config.has("size") && config.at("size").is_number();
  if (size && one_number && !siglip) params.shortest_edge = size->height;
  if (!config.has("size") && !siglip) params.shortest_edge = 224;
  if (size) params.size = *size;
  if (config.has("size") && !size && !params.shortest_edge) {
    fail("{}: \"size\" must have shortest_edge, or height and width", config.where());
  }
  if (config.boolean_or("do_center_crop", !siglip)) {
    params.crop = media::read_size(config, "crop_size").value_or(media::Size{224, 224});
  }
  const bool pad = config.boolean_or("do_pad", false);
  if (pad && !type.starts_with("Llava")) {
    fail("{}: \"do_pad\" is not supported for {}", config.where(), type);
  }
  params.pad_to_square = pad;
  return params;
}

/// The shorter side becomes `edge`, the longer one keeps the aspect, rounded down.
media::Size size_of_shortest(const media::Picture& picture, int edge) {
  const std::int64_t longer = std::max(picture.width(), picture.height());
  const std::int64_t shorter = std::min(picture.width(), picture.height());
  const auto other =
      static_cast<int>(static_cast<double>(edge * longer) / static_cast<double>(shorter));
  return picture.width() <= picture.height() ? media::Size{other, edge} : media::Size{edge, other};
}

class LlavaProcessor : public VlmProcessor {
 public:
  LlavaProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                 const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        params_(read_image_params(files.image_processor())) {
    check(files);
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return config_.picture_tokens(grid);
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    Image image = params_.pad_to_square
                      ? resized(media::pad_to_square(picture.pixels(), mean_colour()))
                      : resized(picture);
    if (params_.crop) image = media::center_crop(image, params_.crop->width, params_.crop->height);
    // What is left over after whole patches is not looked at by the convolution.
    const int patch = config_.vision.patch_size;
    const int width = image.width / patch * patch;
    const int height = image.height / patch * patch;
    if (width != image.width || height != image.height) {
      image = media::crop(image, 0, 0, width, height);
    }
    return media::tiles_to_patches({&image, 1}, 1, 1, patch, params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

 private:
  std::array<std::uint8_t, 3> mean_colour() const {
    std::array<std::uint8_t, 3> mean;
    for (int c = 0; c < 3; ++c) {
      // As Python has it: the mean is a double there, and the product cut off.
      mean[c] = static_cast<std::uint8_t>(mean_[c] * 255);
    }
    return mean;
  }

  Image resized(const media::Picture& picture) const {
    if (!params_.settings.do_resize) return picture.pixels();
    const media::Size size =
        params_.shortest_edge ? size_of_shortest(picture, *params_.shortest_edge) : params_.size;
    return picture.resized(size.width, size.height, params_.settings.resample);
  }

  /// The processor counts tokens from settings of its own; they must tell of this model.
  void check(const ProcessorFiles& files) {
    files.refuse_unknown({"patch_size", "vision_feature_select_strategy", "image_token",
                          "num_additional_image_tokens"});
    const JsonObject processor = files.processor();
    const std::string strategy = config_.drop_first ? "default" : "full";
    if (processor.string_or("vision_feature_select_strategy", strategy) != strategy) {
      fail("{}: vision_feature_select_strategy differs from config.json's, \"{}\"",
           processor.where(), strategy);
    }
    if (processor.integer_or("patch_size", config_.vision.patch_size) !=
        config_.vision.patch_size) {
      fail("{}: patch_size {} differs from config.json's, {}", processor.where(),
           processor.integer("patch_size"), config_.vision.patch_size);
    }
    const int extra = config_.vision.has_class_token() ? 1 : 0;
    if (processor.integer_or("num_additional_image_tokens", extra) != extra) {
      fail("{}: num_additional_image_tokens {} does not fit the tower, which has {}",
           processor.where(), processor.integer("num_additional_image_tokens"), extra);
    }
    const JsonObject images = files.image_processor();
    const boost::json::value* mean = images.find("image_mean");
    for (int c = 0; c < 3; ++c) {
      mean_[c] = !mean               ? static_cast<double>(params_.settings.scale.mean[c])
                 : mean->is_number() ? mean->to_number<double>()
                                     : mean->as_array()[c].to_number<double>();
    }
  }

  Config config_;
  ImageParams params_;
  std::array<double, 3> mean_ = {};
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
