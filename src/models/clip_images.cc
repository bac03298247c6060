#include "models/clip_images.h"

#include <algorithm>

#include "base/error.h"
#include "media/crop.h"

namespace saccade::models {
namespace {

std::vector<media::ImageForm> image_forms() {
  const media::PixelScale clip;
  const std::vector<std::string_view> keys = {"crop_size", "do_center_crop", "do_pad"};
  return {{.type = "CLIPImageProcessor", .mean = clip.mean, .std = clip.std, .keys = keys},
          {.type = "LlavaImageProcessor", .mean = clip.mean, .std = clip.std, .keys = keys},
          {.type = "SiglipImageProcessor", .keys = keys}};
}

/// The shorter side becomes `edge`, the longer one keeps the aspect, rounded down.
media::Size size_of_shortest(const media::Picture& picture, int edge) {
  const std::int64_t longer = std::max(picture.width(), picture.height());
  const std::int64_t shorter = std::min(picture.width(), picture.height());
  const auto other =
      static_cast<int>(static_cast<double>(edge * longer) / static_cast<double>(shorter));
  return picture.width() <= picture.height() ? media::Size{other, edge} : media::Size{edge, other};
}

}  // namespace

ClipImages::ClipImages(const JsonObject& config)
    : settings_(media::read_image_settings(config, image_forms())) {
  const std::string type = config.string_or("image_processor_type", "CLIPImageProcessor");
  const bool siglip = type.starts_with("Siglip");
  // One number means the shorter side, but for SigLIP both.
  const auto size = media::read_size(config, "size");
  shortest_edge_ = media::read_edge(config, "size", "shortest_edge");
  const bool one_number = config.has("size") && config.at("size").is_number();
  if (size && one_number && !siglip) shortest_edge_ = size->height;
  if (!config.has("size") && !siglip) shortest_edge_ = 224;
  if (size) size_ = *size;
  if (config.has("size") && !size && !shortest_edge_) {
    fail("{}: \"size\" must have shortest_edge, or height and width", config.where());
  }
  if (config.boolean_or("do_center_crop", !siglip)) {
    crop_ = media::read_size(config, "crop_size").value_or(media::Size{224, 224});
  }
  if (!config.boolean_or("do_pad", false)) return;
  if (!type.starts_with("Llava")) {
    fail("{}: \"do_pad\" is not supported for {}", config.where(), type);
  }
  padding_ = media::mean_colour(config);
}

media::Image ClipImages::resized(const media::Picture& picture) const {
  if (!settings_.do_resize) return picture.pixels();
  const media::Size size = shortest_edge_ ? size_of_shortest(picture, *shortest_edge_) : size_;
  return picture.resized(size.width, size.height, settings_.resample);
}

media::Image ClipImages::prepare(const media::Picture& picture) const {
  media::Image image =
      padding_ ? resized(media::pad_to_square(picture.pixels(), *padding_)) : resized(picture);
  return crop_ ? media::center_crop(image, crop_->width, crop_->height) : image;
}

std::optional<media::Size> ClipImages::fixed_size() const {
  if (crop_) return crop_;
  if (settings_.do_resize && !shortest_edge_) return size_;
  return std::nullopt;
}

}  // namespace saccade::models
