#include "photos/vision/barcodes.h"

#define ZX_USE_UTF8 1  // text() as UTF-8
#include <ZXing/ReadBarcode.h>

#include <algorithm>

#include "base/utf8.h"
#include "photos/vision/boxes.h"

namespace saccade::photos {
namespace {

cv::Rect extent_of(const ZXing::Position& position) {
  cv::Point least(position[0].x, position[0].y), most = least;
  for (const ZXing::PointI& corner : position) {
    least = {std::min(least.x, corner.x), std::min(least.y, corner.y)};
    most = {std::max(most.x, corner.x), std::max(most.y, corner.y)};
  }
  // A linear code is reported as the line that was read.
  return {least, cv::Point(most.x + 1, most.y + 1)};
}

}  // namespace

std::vector<Region> read_barcodes(const cv::Mat& gray) {
  using ZXing::BarcodeFormat;
  ZXing::DecodeHints hints;
  hints.setFormats(BarcodeFormat::QRCode | BarcodeFormat::DataMatrix | BarcodeFormat::Aztec |
                   BarcodeFormat::PDF417 | BarcodeFormat::EAN8 | BarcodeFormat::EAN13 |
                   BarcodeFormat::UPCA | BarcodeFormat::UPCE | BarcodeFormat::Code128 |
                   BarcodeFormat::Code39 | BarcodeFormat::Code93);
  hints.setTryHarder(true).setTryRotate(true).setMinLineCount(3);
  const ZXing::ImageView view(gray.data, gray.cols, gray.rows, ZXing::ImageFormat::Lum,
                              static_cast<int>(gray.step));
  std::vector<Region> regions;
  for (const ZXing::Result& result : ZXing::ReadBarcodes(view, hints)) {
    if (!result.isValid()) continue;
    regions.push_back({Region::Kind::kBarcode, box_of(extent_of(result.position()), gray.size()),
                       valid_utf8(result.text()), ZXing::ToString(result.format()), 1.0});
  }
  std::ranges::stable_sort(regions, {}, [](const Region& region) { return region.box.y; });
  return regions;
}

}  // namespace saccade::photos
