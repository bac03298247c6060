#include "photos/exiv2_file.h"

#include <exiv2/exiv2.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <mutex>
#include <string_view>

#include "base/utf8.h"
#include "media/container.h"

namespace saccade::photos {
namespace {

constexpr std::size_t kMaxTextBytes = 200;

void lock_xmp(void* mutex, bool lock) {
  auto* xmp = static_cast<std::recursive_mutex*>(mutex);
  lock ? xmp->lock() : xmp->unlock();
}

/// exiv2 keeps its logging and its XMP toolkit in the process; both are set up once.
void start_exiv2() {
  static std::once_flag once;
  static std::recursive_mutex xmp;
  std::call_once(once, [] {
    Exiv2::LogMsg::setLevel(Exiv2::LogMsg::mute);
    Exiv2::XmpParser::initialize(lock_xmp, &xmp);
    Exiv2::enableBMFF(true);  // HEIC, AVIF and CR3
  });
}

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view format;
};

using namespace std::string_view_literals;
constexpr std::array kMagics = {
    Magic{0, "FUJIFILMCCD-RAW"sv, "raf"},
    Magic{4, "ftypcrx "sv, "cr3"},
    Magic{0, "IIRO"sv, "orf"},
    Magic{0, "IIRS"sv, "orf"},
    Magic{0, "MMOR"sv, "orf"},
    Magic{0, "IIU\0"sv, "rw2"},
    Magic{0, "\0MRM"sv, "mrw"},
};

std::string_view format_of_magic(media::ByteView head) {
  for (const Magic& magic : kMagics) {
    if (head.has_text(magic.offset, magic.bytes)) return magic.format;
  }
  return {};
}

/// Whether one of a TIFF structure's pictures is what a sensor saw: a colour filter array, or
/// "linear raw" (TIFF/EP and DNG's PhotometricInterpretation).
bool holds_sensor_data(const Exiv2::ExifData& exif) {
  constexpr std::int64_t kColourFilterArray = 32803;
  constexpr std::int64_t kLinearRaw = 34892;
  return std::ranges::any_of(exif, [](const Exiv2::Exifdatum& datum) {
    if (datum.tagName() != "PhotometricInterpretation" || datum.count() != 1) return false;
    const std::int64_t value = datum.toLong();
    return value == kColourFilterArray || value == kLinearRaw;
  });
}

std::string format_of_maker(std::string make) {
  std::ranges::transform(make, make.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kFormats = {{
      {"nikon", "nef"},
      {"sony", "arw"},
      {"pentax", "pef"},
      {"ricoh", "pef"},
      {"samsung", "srw"},
      {"canon", "cr2"},
      {"olympus", "orf"},
  }};
  for (const auto& [maker, format] : kFormats) {
    if (make.starts_with(maker)) return std::string(format);
  }
  return "raw";
}

}  // namespace

std::unique_ptr<Exiv2::Image> open_exiv2(std::span<const std::byte> bytes) {
  start_exiv2();
  try {
    std::unique_ptr<Exiv2::Image> file(
        Exiv2::ImageFactory::open(reinterpret_cast<const Exiv2::byte*>(bytes.data()),
                                  static_cast<long>(bytes.size()))
            .release());
    if (file) file->readMetadata();
    return file;
  } catch (const std::exception&) {  // Exiv2::Error, and what its containers throw on odd files
    return nullptr;
  }
}

std::string clean_text(std::string text) {
  text.resize(std::min(text.size(), kMaxTextBytes));
  // Cameras fill their fields up with zeros or blanks.
  std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return valid_utf8(std::string_view(text).substr(first, text.find_last_not_of(' ') - first + 1));
}

std::string exif_text(const Exiv2::ExifData& exif, const char* key) {
  const auto found = exif.findKey(Exiv2::ExifKey(key));
  if (found == exif.end() || static_cast<std::size_t>(found->size()) > 64 * kMaxTextBytes) {
    return {};
  }
  return clean_text(found->toString());
}

int exif_orientation_of(const Exiv2::ExifData& exif) {
  const auto found = exif.findKey(Exiv2::ExifKey("Exif.Image.Orientation"));
  if (found == exif.end() || found->count() < 1) return 1;
  const std::int64_t value = found->toLong();
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

bool begins_like_raw(std::span<const std::byte> head) {
  return !format_of_magic(media::ByteView(head)).empty();
}

std::string raw_format(std::span<const std::byte> bytes, const Exiv2::Image* file) {
  const media::ByteView view(bytes);
  if (const std::string_view format = format_of_magic(view); !format.empty()) {
    return std::string(format);
  }
  if (media::sniff_format(view) != media::ImageFormat::kTiff) return {};
  if (view.has_text(8, "CR\x02")) return "cr2";
  if (!file) return {};
  const Exiv2::ExifData& exif = file->exifData();
  if (exif.findKey(Exiv2::ExifKey("Exif.Image.DNGVersion")) != exif.end()) return "dng";
  return holds_sensor_data(exif) ? format_of_maker(exif_text(exif, "Exif.Image.Make")) : "";
}

}  // namespace saccade::photos
