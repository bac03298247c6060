#include <ZXing/ZXVersion.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "base/error.h"
#include "photos/vision/barcodes.h"
#include "photos/vision/boxes.h"
#include "photos/vision/colours.h"
#include "photos/vision/faces.h"
#include "photos/vision/light.h"
#include "photos/vision/miniature.h"
#include "photos/vision/perceptual_hash.h"
#include "photos/vision/text_reader.h"
#include "photos/vision/vision.h"

namespace saccade::photos {
namespace {

constexpr int kWantedSize = 1600;  // letters 20 pixels high in a photo of 12 megapixels are 8 here
constexpr int kSharpnessSize = 512;

/// OpenCV's own threads would make several workers wait for each other, and put together what they
/// find in the order in which they end. The setting belongs to the process.
void keep_opencv_to_one_thread() {
  static std::once_flag once;
  std::call_once(once, [] { cv::setNumThreads(1); });
}

class OpenCvVision : public ClassicalVision {
 public:
  std::string name() const override {
    return fmt::format("opencv {}, tesseract {}, zxing {}.{}.{}", CV_VERSION, tesseract_version(),
                       ZXING_VERSION_MAJOR, ZXING_VERSION_MINOR, ZXING_VERSION_PATCH);
  }
  int wanted_size() const override { return kWantedSize; }
  VisionFindings look(const media::Image& picture) const override;

 private:
  FaceFinder faces_;
  TextReader text_;
};

VisionFindings OpenCvVision::look(const media::Image& picture) const try {
  if (picture.width < 1 || picture.height < 1) fail("a picture without pixels cannot be looked at");
  // OpenCV's matrices are not const, but nothing below writes to this one.
  const cv::Mat rgb(picture.height, picture.width, CV_8UC3,
                    const_cast<std::uint8_t*>(picture.pixels.data()));
  cv::Mat gray;
  cv::cvtColor(rgb, gray, cv::COLOR_RGB2GRAY);
  VisionFindings findings;
  for (std::vector<Region> regions : {faces_.find(gray), text_.read(gray), read_barcodes(gray)}) {
    std::ranges::move(regions, std::back_inserter(findings.regions));
  }
  const cv::Mat small_rgb = shrunk_to(rgb, kSharpnessSize);
  cv::Mat small;
  cv::cvtColor(small_rgb, small, cv::COLOR_RGB2GRAY);
  findings.sharpness = sharpness_of(small);
  const Exposure exposure = exposure_of(small);
  findings.brightness = exposure.brightness;
  findings.clipped_dark = exposure.clipped_dark;
  findings.clipped_light = exposure.clipped_light;
  findings.colours = dominant_colours(small_rgb);
  findings.perceptual_hash = perceptual_hash(small);
  findings.miniature = miniature_of(small_rgb);
  return findings;
} catch (const cv::Exception& error) {
  fail("OpenCV cannot look at a picture of {}x{} pixels: {}", picture.width, picture.height,
       error.err);
}

}  // namespace

std::unique_ptr<ClassicalVision> make_classical_vision() {
  keep_opencv_to_one_thread();
  return std::make_unique<OpenCvVision>();
}

}  // namespace saccade::photos
