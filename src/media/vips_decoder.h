// libvips as a decoder of pixels, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "media/container.h"

// The name that libvips itself gives the struct.
typedef struct _VipsImage VipsImage;  // NOLINT(bugprone-reserved-identifier)

namespace saccade::media {

/// Sets libvips up for this process, once. Throws Error when it cannot be.
void start_vips();

/// What one decoded row holds.
enum class SampleType { kUint8, kInt8, kUint16, kInt16, kUint32, kInt32, kFloat32, kFloat64 };
enum class ColourSpace { kGrayOrRgb, kCmyk, kLab };

struct RowLayout {
  int width = 0;
  int height = 0;
  int channels = 0;  // interleaved
  SampleType type = SampleType::kUint8;
  ColourSpace space = ColourSpace::kGrayOrRgb;
};

/// One file being decoded, from the top down.
class VipsDecoder {
 public:
  /// Reads the header; `bytes` must outlive the decoder. `shrink`, of 1, 2, 4 and 8, is for JPEG
  /// files: rows come at that part of their size. Throws Error that begins with `where`.
  VipsDecoder(ImageFormat format, std::span<const std::byte> bytes, std::string_view where,
              int shrink = 1);
  ~VipsDecoder();
  VipsDecoder(const VipsDecoder&) = delete;
  VipsDecoder& operator=(const VipsDecoder&) = delete;

  const RowLayout& layout() const { return layout_; }

  /// Decodes, and gives each row in order: `take_row(y, samples)`, with width * channels samples of
  /// layout().type. Throws Error when the pixel data are damaged or cut short.
  void read_rows(const std::function<void(int, const void*)>& take_row);

 private:
  RowLayout read_layout() const;

  ImageFormat format_;
  std::string where_;
  VipsImage* image_ = nullptr;
  RowLayout layout_;
};

}  // namespace saccade::media
