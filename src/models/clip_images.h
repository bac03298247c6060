// Pictures as the image processors of CLIP, SigLIP and LLaVA make them.
#pragma once

#include <array>
#include <optional>

#include "base/json.h"
#include "media/image_settings.h"
#include "media/picture.h"

namespace saccade::models {

/// The steps that these processors are made of: padding to a square, resizing, cutting out the
/// middle.
class ClipImages {
 public:
  /// Reads the settings of an image processor. Throws Error naming the key for anything out of
  /// range or not done here.
  explicit ClipImages(const JsonObject& config);

  /// The pixels that a tower sees.
  media::Image prepare(const media::Picture& picture) const;
  const media::PixelScale& scale() const { return settings_.scale; }
  /// Whether all pictures become this size, and which.
  std::optional<media::Size> fixed_size() const;

 private:
  media::Image resized(const media::Picture& picture) const;

  media::ImageSettings settings_;
  std::optional<int> shortest_edge_;  // resized to it, the aspect kept; else to size_
  media::Size size_ = {224, 224};
  std::optional<media::Size> crop_;
  /// Padded to a square of this colour before anything else.
  std::optional<std::array<std::uint8_t, 3>> padding_;
};

}  // namespace saccade::models
