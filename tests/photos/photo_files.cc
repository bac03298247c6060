#include "photos/photo_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <opencv2/imgproc.hpp>

#include "media/jpeg_encoder.h"

namespace saccade::photos {

cv::Mat plain_picture(int width, int height, cv::Scalar rgb) {
  return {height, width, CV_8UC3, rgb};
}

void write_text(cv::Mat& rgb, const std::string& text, cv::Point place, double scale,
                cv::Scalar colour) {
  cv::putText(rgb, text, place, cv::FONT_HERSHEY_SIMPLEX, scale, colour,
              std::max(1, static_cast<int>(scale * 3)), cv::LINE_AA);
}

media::Image image_of(const cv::Mat& rgb) {
  const cv::Mat whole = rgb.isContinuous() ? rgb : rgb.clone();
  return {whole.cols, whole.rows, {whole.data, whole.data + whole.total() * whole.elemSize()}};
}

std::vector<std::byte> jpeg_of(const cv::Mat& rgb, int quality) {
  return media::encode_jpeg(image_of(rgb), quality);
}

std::vector<std::byte> with_metadata(std::span<const std::byte> file, const Exiv2::ExifData& exif,
                                     const Exiv2::XmpData& xmp) {
  const auto image = Exiv2::ImageFactory::open(reinterpret_cast<const Exiv2::byte*>(file.data()),
                                               static_cast<long>(file.size()));
  image->readMetadata();
  image->setExifData(exif);
  image->setXmpData(xmp);
  image->writeMetadata();
  Exiv2::BasicIo& io = image->io();
  io.open();
  const Exiv2::DataBuf written = io.read(static_cast<long>(io.size()));
  const auto bytes = std::as_bytes(std::span(written.pData_, written.size_));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> jpeg_with_exif(
    const std::vector<std::pair<std::string, std::string>>& values) {
  Exiv2::ExifData exif;
  for (const auto& [key, value] : values) exif[key] = value;
  return with_metadata(jpeg_of(plain_picture(64, 48)), exif);
}

std::optional<std::vector<std::byte>> shared_picture(const std::string& name) {
  const std::filesystem::path source = SACCADE_SOURCE_DIR;
  std::ifstream file(source.parent_path() / "shared/data/images" / name, std::ios::binary);
  if (!file) return std::nullopt;
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return bytes_of(text);
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

}  // namespace saccade::photos
