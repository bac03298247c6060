// A picture that is decoded when its pixels are wanted, and only at the size they are wanted at.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "media/image.h"

namespace saccade::media {

struct DecodeOptions {
  DecodeLimits limits;
  /// JPEG files are decoded at a half, a quarter or an eighth of their size, as the file's cosine
  /// transform allows, where that is no smaller than what they are resized to: several times as
  /// fast, and not the pixels that the model's own processor would have made.
  bool shrink_on_load = false;
};

/// A picture file whose header has been read, or an Image. Not thread-safe.
class Picture {
 public:
  /// Reads the header; `bytes` must outlive the picture. Throws Error as decode_image() does.
  Picture(std::span<const std::byte> bytes, std::string_view where,
          const DecodeOptions& options = {});
  /// Pixels that are there already, and stay there while the picture lives.
  Picture(const Image& image);  // NOLINT(google-explicit-constructor): an Image is one
  ~Picture();
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  /// Of the upright picture.
  int width() const { return width_; }
  int height() const { return height_; }

  /// All pixels; a file is decoded the first time.
  const Image& pixels() const;
  /// The same as resize(pixels(), ...), bit for bit unless `shrink_on_load` is set. Rows of a file
  /// are resized as they are decoded, so that the whole picture is never in memory, unless
  /// pixels() has been asked for or EXIF turns the picture.
  Image resized(int width, int height, Resample resample) const;
  /// By how much the decoder shrank the picture for resized(): 1, 2, 4 or 8.
  int shrink() const { return shrink_; }

 private:
  friend Image decode_image(std::span<const std::byte> bytes, std::string_view where,
                            const DecodeLimits& limits);
  struct File;

  int shrink_for(int width, int height) const;
  Image decode(int shrink) const;

  std::unique_ptr<File> file_;
  const Image* image_ = nullptr;  // null: not decoded
  mutable std::optional<Image> decoded_;
  mutable int shrink_ = 1;
  int width_ = 0;
  int height_ = 0;
};

}  // namespace saccade::media
