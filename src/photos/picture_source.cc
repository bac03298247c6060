#include "photos/picture_source.h"

#include <algorithm>
#include <exiv2/exiv2.hpp>
#include <memory>
#include <optional>

#include "base/error.h"
#include "media/container.h"
#include "media/picture.h"
#include "photos/exiv2_file.h"

namespace saccade::photos {
namespace {

/// A JPEG file with an EXIF block of nothing but the orientation before everything else; readers
/// go by the first block.
std::vector<std::byte> with_orientation(std::span<const std::byte> jpeg, int orientation) {
  constexpr std::size_t kStartOfImage = 2;  // bytes
  media::FileWriter exif;
  exif.text(std::string_view("Exif\0\0MM\0\x2a\0\0\0\x08", 14));
  exif.big(1, 2).big(0x0112, 2).big(3, 2).big(1, 4);  // one entry: Orientation, SHORT, one value
  exif.big(static_cast<unsigned>(orientation), 2).big(0, 2).big(0, 4);
  const std::vector<std::byte> block = exif.take();
  media::FileWriter out;
  out.bytes(media::ByteView(jpeg.first(kStartOfImage)));
  out.big(0xffe1, 2).big(block.size() + 2, 2).bytes(media::ByteView(block));
  out.bytes(media::ByteView(jpeg.subspan(kStartOfImage)));
  return out.take();
}

bool can_be_decoded(std::span<const std::byte> jpeg) {
  try {
    return media::Picture(jpeg, "preview").width() > 0;
  } catch (const Error&) {
    return false;  // the sensor's own data may be a JPEG too, of a lossless kind
  }
}

/// The JPEG preview of the most pixels that can be decoded; nothing when there is none.
std::optional<std::vector<std::byte>> largest_preview(const Exiv2::Image& file, int orientation) {
  const Exiv2::PreviewManager manager(file);
  Exiv2::PreviewPropertiesList previews = manager.getPreviewProperties();
  std::ranges::stable_sort(previews, std::ranges::greater(), [](const auto& preview) {
    return std::uint64_t{preview.width_} * preview.height_;
  });
  for (const Exiv2::PreviewProperties& properties : previews) {
    if (properties.mimeType_ != "image/jpeg") continue;
    const Exiv2::PreviewImage preview = manager.getPreviewImage(properties);
    const auto bytes = std::as_bytes(std::span(preview.pData(), preview.size()));
    if (media::sniff_format(media::ByteView(bytes)) != media::ImageFormat::kJpeg) continue;
    if (can_be_decoded(bytes)) return with_orientation(bytes, orientation);
  }
  return std::nullopt;
}

}  // namespace

bool looks_like_picture(std::span<const std::byte> head) {
  return media::sniff_format(media::ByteView(head)) != media::ImageFormat::kUnknown ||
         begins_like_raw(head);
}

std::vector<std::byte> encoded_picture(std::vector<std::byte> bytes, std::string_view where) {
  const media::ImageFormat format = media::sniff_format(media::ByteView(bytes));
  const bool may_be_raw = format == media::ImageFormat::kTiff || begins_like_raw(bytes);
  if (!may_be_raw) {
    if (format != media::ImageFormat::kUnknown) return bytes;
    // Says what was wanted and what was found.
    static_cast<void>(media::read_container(media::ByteView(bytes), where));
  }
  const std::unique_ptr<Exiv2::Image> file = open_exiv2(bytes);
  const std::string raw = raw_format(bytes, file.get());
  if (raw.empty()) return bytes;
  if (!file) fail("{}: a damaged or unknown {} file: its header cannot be read", where, raw);
  std::optional<std::vector<std::byte>> preview;
  try {
    preview = largest_preview(*file, exif_orientation_of(file->exifData()));
  } catch (const std::exception&) {  // of exiv2, when a preview lies outside of the file
  }
  if (!preview) {
    fail("{}: a {} file without a JPEG preview that can be shown; export it as JPEG", where, raw);
  }
  return std::move(*preview);
}

}  // namespace saccade::photos
