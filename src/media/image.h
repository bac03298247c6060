// Pictures: bytes of an image file to 8-bit RGB pixels, and resizing, as Pillow does both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace saccade::media {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;  // [height, width, 3], RGB, 8 bits
};

struct DecodeLimits {
  /// Largest width * height of the file, read from its header before anything is decoded. The
  /// default is where Pillow refuses a picture as a decompression bomb.
  std::int64_t max_pixels = 178'956'970;
};

/// Decodes the (first) picture of a JPEG, PNG, WebP, GIF, TIFF, HEIC or AVIF file into upright RGB.
///
/// The pixels are those of `ImageOps.exif_transpose(im).convert("RGB")` with Pillow 9.4: EXIF
/// orientation applied, alpha dropped (not blended), no colour management. `where` names the source
/// in errors. Throws saccade::Error with one line when the bytes are no such picture, are damaged
/// or cut short, or hold more than `limits` allows. Several threads may decode at once.
Image decode_image(std::span<const std::byte> bytes, std::string_view where,
                   const DecodeLimits& limits = {});

/// Filters of resizing, by their numbers in Pillow and in a preprocessor_config.json.
enum class Resample { kLanczos = 1, kBilinear = 2, kBicubic = 3 };

/// Resizes to width x height with an antialiased filter, bit for bit as Pillow's
/// `Image.resize((width, height), resample)` on RGB: two passes of 22-bit fixed-point weights
/// with an 8-bit picture between them. Throws Error unless both sizes are positive.
Image resize(const Image& image, int width, int height, Resample resample);

/// resize() with the bicubic filter.
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace saccade::media
