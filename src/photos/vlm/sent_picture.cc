#include "photos/vlm/sent_picture.h"

#include <algorithm>
#include <cmath>

#include "media/container.h"
#include "media/jpeg_encoder.h"
#include "media/picture.h"

namespace saccade::photos {
namespace {

using media::ImageFormat;

// What OpenAI's API takes of one picture.
constexpr std::size_t kMaxBytes = 20'000'000;
// Artefacts are below what towers tell apart, at a quarter of the bytes of 100.
constexpr int kQuality = 90;

/// Empty for formats that not every server reads.
std::string media_type(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "image/jpeg";
    case ImageFormat::kPng:
      return "image/png";
    case ImageFormat::kWebp:
      return "image/webp";
    case ImageFormat::kGif:
      return "image/gif";
    default:
      return {};
  }
}

/// Whether the frame that a container holds is the whole picture.
bool is_whole(const media::Container& container) {
  if (container.canvas.width == 0) return true;  // the format has no canvas
  const media::Container frame =
      media::read_container(media::ByteView(container.rewritten), "frame");
  return container.canvas.left == 0 && container.canvas.top == 0 &&
         frame.width == container.width && frame.height == container.height;
}

/// The file without its metadata, if it can be sent like that.
std::optional<SentPicture> as_it_is(const ImageBytes& picture) {
  media::Container container = media::read_container(media::ByteView(picture.bytes), picture.name);
  std::string type = media_type(container.format);
  // A turned picture would lose its orientation with its metadata; 0 and 1 are upright.
  if (type.empty() || container.orientation > 1 || !is_whole(container)) return std::nullopt;
  if (container.rewritten.size() > kMaxBytes) return std::nullopt;
  return SentPicture{std::move(type), std::move(container.rewritten)};
}

}  // namespace

SentPicture picture_to_send(const ImageBytes& picture, std::optional<std::int64_t> max_pixels) {
  const media::Picture source(picture.bytes, picture.name, {.limits = {}, .shrink_on_load = true});
  const double pixels = static_cast<double>(source.width()) * source.height();
  const double most =
      static_cast<double>(std::max<std::int64_t>(1, max_pixels.value_or(INT64_MAX)));
  if (pixels <= most) {
    if (auto sent = as_it_is(picture)) return std::move(*sent);
    return {"image/jpeg", media::encode_jpeg(source.pixels(), kQuality)};
  }
  const double scale = std::sqrt(most / pixels);
  const auto scaled = [&](int side) { return std::max(1, static_cast<int>(side * scale)); };
  const media::Image smaller =
      source.resized(scaled(source.width()), scaled(source.height()), media::Resample::kBicubic);
  return {"image/jpeg", media::encode_jpeg(smaller, kQuality)};
}

}  // namespace saccade::photos
