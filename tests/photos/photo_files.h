// Photos made by the tests: pixels, files, and what a camera writes into them.
#pragma once

#include <cstddef>
#include <exiv2/exiv2.hpp>
#include <filesystem>
#include <opencv2/core.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/image.h"

namespace saccade::photos {

/// A picture of one colour.
cv::Mat plain_picture(int width, int height, cv::Scalar rgb = {200, 200, 200});

/// Writes `text` in strokes thick enough to be read, its baseline at `place`.
void write_text(cv::Mat& rgb, const std::string& text, cv::Point place, double scale,
                cv::Scalar colour = {20, 20, 20});

media::Image image_of(const cv::Mat& rgb);
std::vector<std::byte> jpeg_of(const cv::Mat& rgb, int quality = 90);

/// The same file with this metadata, as exiv2 writes it.
std::vector<std::byte> with_metadata(std::span<const std::byte> file, const Exiv2::ExifData& exif,
                                     const Exiv2::XmpData& xmp = {});

/// A small JPEG file with these EXIF values: {"Exif.Image.Make", "Nikon"}, as exiv2 reads text.
std::vector<std::byte> jpeg_with_exif(
    const std::vector<std::pair<std::string, std::string>>& values);

/// A file of the pictures that all projects here share; nothing where they are not kept.
std::optional<std::vector<std::byte>> shared_picture(const std::string& name);

std::vector<std::byte> bytes_of(std::string_view text);

}  // namespace saccade::photos
