// What an image file says around its compressed pixels.
//
// libvips decodes the pixels, but it is not shown the files as they come. Each reader below takes
// out of its format the few parts that shape the pixels, and what Pillow would do with them, and
// leaves the rest behind: EXIF, ICC and comments never reach the parsers that libvips links, and
// differences between Pillow and libvips (transparent colours of a GIF, frames smaller than their
// canvas, checksums) are settled here, where they can be seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "media/byte_view.h"

namespace saccade::media {

enum class ImageFormat { kUnknown, kJpeg, kPng, kWebp, kGif, kTiff, kHeif };

/// Tells the format by the first bytes.
ImageFormat sniff_format(ByteView file);

/// "JPEG", "PNG", ...
std::string_view format_name(ImageFormat format);

/// Where the decoded frame lies on a larger picture, in pixels. A width of 0 means that the frame
/// is the picture.
struct Canvas {
  int width = 0;
  int height = 0;
  int left = 0;
  int top = 0;
  std::array<std::uint8_t, 3> color{};  // RGB of what the frame does not cover
};

/// A file made ready for libvips.
struct Container {
  ImageFormat format = ImageFormat::kUnknown;
  std::vector<std::byte> rewritten;  // what libvips decodes; empty: the file itself
  int width = 0;                     // pixels as the header says, before orientation;
  int height = 0;                    // 0 when only libvips can tell
  int orientation = 1;               // EXIF, 1 to 8, still to be applied
  Canvas canvas;

  // What TIFF conversions depend on and libvips does not pass on.
  bool premultiplied_alpha = false;
  bool palette = false;
  bool inverted_gray16 = false;  // libvips inverts WhiteIsZero with 16 bits, Pillow does not
};

// Each reader throws Error with one line that begins with `where` when the structure is broken.
Container read_jpeg(ByteView file, std::string_view where);
Container read_png(ByteView file, std::string_view where);
Container read_webp(ByteView file, std::string_view where);
Container read_gif(ByteView file, std::string_view where);
Container read_tiff(ByteView file, std::string_view where);

/// Recognizes the format and reads it. Throws Error when the format is not supported.
Container read_container(ByteView file, std::string_view where);

/// Appends bytes to a file that is being rewritten.
class FileWriter {
 public:
  FileWriter& bytes(ByteView view) {
    out_.insert(out_.end(), view.bytes().begin(), view.bytes().end());
    return *this;
  }
  FileWriter& text(std::string_view text) {
    return bytes(ByteView(std::as_bytes(std::span(text.data(), text.size()))));
  }
  FileWriter& u8(unsigned value) {
    out_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  FileWriter& big(std::uint64_t value, int width) {
    for (int i = width - 1; i >= 0; --i) u8(static_cast<unsigned>(value >> 8 * i & 0xff));
    return *this;
  }
  FileWriter& little(std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) u8(static_cast<unsigned>(value >> 8 * i & 0xff));
    return *this;
  }
  std::size_t size() const { return out_.size(); }
  ByteView since(std::size_t offset) const { return ByteView(std::span(out_).subspan(offset)); }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

}  // namespace saccade::media
