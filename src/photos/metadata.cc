#include "photos/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exiv2/exiv2.hpp>
#include <memory>

#include "base/error.h"
#include "media/container.h"
#include "media/picture.h"
#include "photos/exiv2_file.h"
#include "photos/picture_source.h"
#include "photos/taken_time.h"

namespace saccade::photos {
namespace {

std::string format_of(media::ByteView bytes) {
  switch (media::sniff_format(bytes)) {
    case media::ImageFormat::kJpeg:
      return "jpeg";
    case media::ImageFormat::kPng:
      return "png";
    case media::ImageFormat::kWebp:
      return "webp";
    case media::ImageFormat::kGif:
      return "gif";
    case media::ImageFormat::kTiff:
      return "tiff";
    case media::ImageFormat::kHeif:
      return bytes.has_text(8, "avi") ? "avif" : "heic";
    case media::ImageFormat::kUnknown:
      break;
  }
  return {};
}

/// Format, size and orientation of the seven formats, from media's own readers.
void read_header(std::span<const std::byte> bytes, std::string_view where, PhotoMetadata& photo) {
  const media::ByteView view(bytes);
  const media::Container container = media::read_container(view, where);
  photo.format = format_of(view);
  photo.width = container.width;
  photo.height = container.height;
  photo.orientation = container.orientation == 0 ? 1 : container.orientation;
  if (photo.orientation >= 5) std::swap(photo.width, photo.height);
  if (photo.width == 0) {  // HEIC and AVIF: libheif knows, and has turned the picture already
    const media::Picture picture(bytes, where);
    photo.width = picture.width();
    photo.height = picture.height();
  }
}

void read_raw_header(const Exiv2::Image* file, std::span<const std::byte> bytes,
                     std::string_view where, PhotoMetadata& photo) {
  if (!file)
    fail("{}: a damaged or unknown {} file: its header cannot be read", where, photo.format);
  photo.width = file->pixelWidth();
  photo.height = file->pixelHeight();
  photo.orientation = exif_orientation_of(file->exifData());
  if (photo.orientation >= 5) std::swap(photo.width, photo.height);
  if (photo.width > 0 && photo.height > 0) return;
  // Some makers leave the size in their own notes; what will be looked at has one in any case.
  const std::vector<std::byte> preview = encoded_picture({bytes.begin(), bytes.end()}, where);
  const media::Picture picture(preview, where);
  photo.width = picture.width();
  photo.height = picture.height();
}

bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return text.size() >= start.size() &&
         std::ranges::equal(text.substr(0, start.size()), start, {}, lower, lower);
}

/// Maker and model; the maker once where the model repeats it ("NIKON CORPORATION", "NIKON D90").
std::string camera_of(const Exiv2::ExifData& exif) {
  const std::string make = exif_text(exif, "Exif.Image.Make");
  const std::string model = exif_text(exif, "Exif.Image.Model");
  if (make.empty() || model.empty()) return make + model;
  const std::string_view maker = std::string_view(make).substr(0, make.find(' '));
  return starts_with_ignoring_case(model, maker) ? model : make + " " + model;
}

std::string lens_of(const Exiv2::ExifData& exif, const Exiv2::XmpData& xmp) {
  for (const char* key : {"Exif.Photo.LensModel", "Exif.Canon.LensModel"}) {
    if (std::string lens = exif_text(exif, key); !lens.empty()) return lens;
  }
  for (const char* key : {"Xmp.exifEX.LensModel", "Xmp.aux.Lens"}) {
    const auto found = xmp.findKey(Exiv2::XmpKey(key));
    if (found == xmp.end()) continue;
    if (std::string lens = clean_text(found->toString()); !lens.empty()) return lens;
  }
  return {};
}

/// A rational of any sign; not finite when its denominator is 0.
double rational(const Exiv2::Exifdatum& datum, int index) {
  const Exiv2::Rational value = datum.toRational(index);
  if (value.second == 0) return std::nan("");
  // exiv2 hands unsigned numbers through a signed type.
  if (datum.typeId() == Exiv2::unsignedRational) {
    return static_cast<double>(static_cast<std::uint32_t>(value.first)) /
           static_cast<std::uint32_t>(value.second);
  }
  return static_cast<double>(value.first) / value.second;
}

/// Degrees, minutes and seconds under `key`, negative when `reference` says `negative`. Nothing
/// when absent; not a number when it is something else.
std::optional<double> degrees(const Exiv2::ExifData& exif, const char* key, const char* reference,
                              char negative) {
  const auto found = exif.findKey(Exiv2::ExifKey(key));
  if (found == exif.end()) return std::nullopt;
  if (found->count() < 1 || found->count() > 3) return std::nan("");
  double value = 0.0;
  for (int i = 0; i < static_cast<int>(found->count()); ++i) {
    value += rational(*found, i) / std::pow(60.0, i);
  }
  return exif_text(exif, reference).starts_with(negative) ? -value : value;
}

void read_position(const Exiv2::ExifData& exif, PhotoMetadata& photo) {
  const auto latitude =
      degrees(exif, "Exif.GPSInfo.GPSLatitude", "Exif.GPSInfo.GPSLatitudeRef", 'S');
  const auto longitude =
      degrees(exif, "Exif.GPSInfo.GPSLongitude", "Exif.GPSInfo.GPSLongitudeRef", 'W');
  if (!latitude && !longitude) return;
  if (!latitude || !longitude) {
    photo.warnings.push_back("a place with only one of latitude and longitude");
    return;
  }
  if (!(std::abs(*latitude) <= 90.0) || !(std::abs(*longitude) <= 180.0)) {
    photo.warnings.push_back(fmt::format("a place that is none: latitude {:.6g}, longitude {:.6g}",
                                         *latitude, *longitude));
    return;
  }
  if (*latitude == 0.0 && *longitude == 0.0) {
    photo.warnings.push_back("a place at 0, 0, which cameras write that have found none");
    return;
  }
  photo.latitude = latitude;
  photo.longitude = longitude;
}

void read_altitude(const Exiv2::ExifData& exif, PhotoMetadata& photo) {
  const auto found = exif.findKey(Exiv2::ExifKey("Exif.GPSInfo.GPSAltitude"));
  if (found == exif.end()) return;
  const auto reference = exif.findKey(Exiv2::ExifKey("Exif.GPSInfo.GPSAltitudeRef"));
  const bool below_sea =
      reference != exif.end() && reference->count() == 1 && reference->toLong() == 1;
  double metres = found->count() == 1 ? rational(*found, 0) : std::nan("");
  if (below_sea) metres = -metres;
  constexpr double kMaxMetres = 100'000.0;  // where space begins
  if (!(std::abs(metres) <= kMaxMetres)) {
    photo.warnings.push_back(fmt::format("an altitude that is none: {:.6g} m", metres));
    return;
  }
  photo.altitude_m = metres;
}

}  // namespace

PhotoMetadata read_metadata(std::span<const std::byte> bytes, std::string_view where) {
  PhotoMetadata photo;
  const std::unique_ptr<Exiv2::Image> file = open_exiv2(bytes);
  photo.format = raw_format(bytes, file.get());
  if (photo.format.empty()) {
    read_header(bytes, where, photo);
  } else {
    read_raw_header(file.get(), bytes, where, photo);
  }
  if (!file) {
    photo.warnings.push_back("its metadata cannot be read");
    return photo;
  }
  try {
    const Exiv2::ExifData& exif = file->exifData();
    photo.camera = camera_of(exif);
    photo.lens = lens_of(exif, file->xmpData());
    read_position(exif, photo);
    read_altitude(exif, photo);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const TakenTime taken = read_taken_time(
        exif, file->xmpData(), std::chrono::duration_cast<std::chrono::seconds>(now).count(),
        photo.warnings);
    photo.taken_at = taken.text;
    photo.taken_seconds = taken.seconds;
  } catch (const std::exception&) {  // values of a type that their tag never has
    photo.warnings.push_back("its metadata are damaged");
  }
  return photo;
}

}  // namespace saccade::photos
