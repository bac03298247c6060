#include "media/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace saccade::media {
namespace {

constexpr std::array<std::string_view, 10> kHeifBrands = {"heic", "heix", "hevc", "hevx", "heim",
                                                          "heis", "mif1", "msf1", "avif", "avis"};

/// HEIC and AVIF begin with a box of type "ftyp" that lists the brands the file conforms to.
bool is_heif(ByteView file) {
  if (!file.has_text(4, "ftyp")) return false;
  const std::uint64_t size = std::min<std::uint64_t>(file.big(0, 4), 256);
  for (std::uint64_t at = 8; at + 4 <= size; at += 4) {
    const std::string_view brand = file.text(at, 4);
    // The second word is a version, not a brand.
    if (at != 12 && std::ranges::find(kHeifBrands, brand) != kHeifBrands.end()) return true;
  }
  return false;
}

/// A byte order mark, then 42 or, for BigTIFF, 43.
bool is_tiff(ByteView file) {
  std::uint64_t version = 0;
  if (file.has_text(0, "II")) version = file.little(2, 2);
  if (file.has_text(0, "MM")) version = file.big(2, 2);
  return version == 42 || version == 43;
}

std::string first_bytes(ByteView file) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(file.size(), 8); ++i) {
    text += fmt::format("{}{:02x}", i ? " " : "", file.u8(i));
  }
  return text;
}

}  // namespace

ImageFormat sniff_format(ByteView file) {
  if (file.has_text(0, "\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (file.has_text(0, "\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (file.has_text(0, "GIF87a") || file.has_text(0, "GIF89a")) return ImageFormat::kGif;
  if (file.has_text(0, "RIFF") && file.has_text(8, "WEBP")) return ImageFormat::kWebp;
  if (is_tiff(file)) return ImageFormat::kTiff;
  return is_heif(file) ? ImageFormat::kHeif : ImageFormat::kUnknown;
}

std::string_view format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kGif:
      return "GIF";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kHeif:
      return "HEIC or AVIF";
    case ImageFormat::kUnknown:
      break;
  }
  return "unknown";
}

Container read_container(ByteView file, std::string_view where) {
  if (file.size() == 0) fail("{}: not a picture: it is empty", where);
  Container container;
  switch (const ImageFormat format = sniff_format(file)) {
    case ImageFormat::kJpeg:
      return read_jpeg(file, where);
    case ImageFormat::kPng:
      return read_png(file, where);
    case ImageFormat::kWebp:
      return read_webp(file, where);
    case ImageFormat::kGif:
      return read_gif(file, where);
    case ImageFormat::kTiff:
      return read_tiff(file, where);
    case ImageFormat::kHeif:
      // libheif applies the rotation and mirroring that the format itself carries; an EXIF
      // orientation is then only a copy of it, and must not be applied again.
      container.format = format;
      return container;
    case ImageFormat::kUnknown:
      break;
  }
  fail(
      "{}: not a picture in a supported format: wanted JPEG, PNG, WebP, GIF, TIFF, HEIC or AVIF, "
      "found a file that begins with {}",
      where, first_bytes(file));
}

}  // namespace saccade::media
