// What the readers of preprocessor_config.json share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "media/image.h"
#include "media/patches.h"

namespace saccade::media {

/// An image processor as its class in transformers has it.
struct ImageForm {
  std::string_view type;  ///< image_processor_type, without the suffix Fast or Pil
  Resample resample = Resample::kBicubic;
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};
  std::array<float, 3> std = {0.5f, 0.5f, 0.5f};
  std::vector<std::string_view> keys;  ///< that the family reads besides the common ones
};

/// The settings that all image processors have.
struct ImageSettings {
  PixelScale scale;
  Resample resample = Resample::kBicubic;
  bool do_resize = true;
};

/// Reads the common settings for the first of `forms` that has the file's image_processor_type.
/// Throws Error naming the key for anything out of range, not done here, or not known.
ImageSettings read_image_settings(const JsonObject& config, const std::vector<ImageForm>& forms);

/// image_mean, image_std, rescale_factor, do_rescale and do_normalize.
PixelScale read_pixel_scale(const JsonObject& config, const PixelScale& defaults);

/// image_mean, CLIP's where the file is silent, as the colour that pictures are padded with. As
/// Python has it: the mean a double, its product with 255 cut off. The settings have been read.
std::array<std::uint8_t, 3> mean_colour(const JsonObject& config);

/// Throws Error naming the first key that is neither in `read` nor without effect on the values of
/// an image, and for settings of colour and layout that are not done here.
void refuse_unknown_settings(const JsonObject& config, std::span<const std::string_view> read);

/// A height and width: {"height", "width"}, or one number for both; nothing when absent.
std::optional<Size> read_size(const JsonObject& config, std::string_view key);

/// The number under `edge` ("shortest_edge", "longest_edge") of the object `key`; nothing when the
/// object or the number is absent.
std::optional<int> read_edge(const JsonObject& config, std::string_view key, std::string_view edge);

}  // namespace saccade::media
