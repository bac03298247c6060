// JPEG: the markers before the first scan.
#include "base/error.h"
#include "media/container.h"
#include "media/orientation.h"

namespace saccade::media {
namespace {

constexpr int kStartOfScan = 0xda;
constexpr int kEndOfImage = 0xd9;
constexpr int kApp0 = 0xe0;
constexpr int kApp1 = 0xe1;
constexpr int kApp14 = 0xee;
constexpr int kApp15 = 0xef;
constexpr int kComment = 0xfe;

/// The frame headers SOF0 to SOF15; three codes between them mean something else.
bool is_frame(int marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/// Application data other than JFIF and Adobe, which say what the colours mean, and comments.
bool is_metadata(int marker) {
  return marker == kComment || (marker > kApp0 && marker <= kApp15 && marker != kApp14);
}

/// RST, SOI, TEM: markers without a length.
bool is_bare(int marker) {
  return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

}  // namespace

Container read_jpeg(ByteView file, std::string_view where) {
  Container container;
  container.format = ImageFormat::kJpeg;
  FileWriter out;
  bool exif_seen = false;
  std::uint64_t at = 0;
  while (at < file.size()) {
    // libjpeg skips what stands between segments, and any number of fill bytes; so do we.
    if (file.u8(at) != 0xff || file.u8(at + 1) == 0xff || file.u8(at + 1) == 0x00) {
      ++at;
      continue;
    }
    const int marker = file.u8(at + 1);
    if (marker == kStartOfScan || marker == kEndOfImage) break;
    if (is_bare(marker)) {
      out.bytes(file.part(at, 2));
      at += 2;
      continue;
    }
    const std::uint64_t length = file.big(at + 2, 2);
    if (length < 2 || !file.contains(at + 2, length)) {
      fail("{}: a damaged or truncated JPEG file: its header breaks off", where);
    }
    if (is_frame(marker)) {
      container.height = static_cast<int>(file.big(at + 5, 2));
      container.width = static_cast<int>(file.big(at + 7, 2));
    }
    // Only the first EXIF block counts. XMP could name an orientation too; Pillow 9.4 does not look
    // there in a JPEG file (later versions do, when EXIF says nothing).
    if (marker == kApp1 && !exif_seen && file.has_text(at + 4, std::string_view("Exif\0", 5))) {
      exif_seen = true;
      container.orientation = exif_orientation(file.part(at + 4, length - 2));
    }
    if (!is_metadata(marker)) out.bytes(file.part(at, length + 2));
    at += length + 2;
  }
  if (container.width == 0 || container.height == 0) {
    fail("{}: a damaged JPEG file: it names no picture size", where);
  }
  out.bytes(file.part(at, file.size()));
  container.rewritten = out.take();
  return container;
}

}  // namespace saccade::media
