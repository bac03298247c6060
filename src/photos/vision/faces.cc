#include "photos/vision/faces.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>
#include <string>

#include "base/error.h"
#include "photos/vision/boxes.h"

namespace saccade::photos {
namespace {

constexpr int kLookedAt = 560;  // pixels of the longer side
constexpr int kLeastFace = 28;  // pixels: a twentieth of the longer side
constexpr double kScaleStep = 1.15;
constexpr int kNeighboursOfOne = 3;  // that one cascade must have to say anything
// Measured on photographs: real faces have ten and more, leaves and folds of cloth under six.
constexpr int kNeighboursOfAll = 6;

/// The folders where packages of OpenCV put their cascades: Debian's, one built by hand,
/// Homebrew's.
constexpr std::array kFolders = {"/usr/share/opencv4/haarcascades",
                                 "/usr/local/share/opencv4/haarcascades",
                                 "/opt/homebrew/share/opencv4/haarcascades"};

void load(cv::CascadeClassifier& cascade, const std::string& name) {
  for (const char* folder : kFolders) {
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    std::error_code missing;
    if (std::filesystem::exists(path, missing) && cascade.load(path.string())) return;
  }
  fail("{}: cannot be read in {}; install the package opencv-data", name, kFolders[0]);
}

struct Found {
  cv::Rect box;
  int neighbours = 0;
};

void look_with(cv::CascadeClassifier& cascade, const cv::Mat& gray, bool mirrored,
               std::vector<Found>& found) {
  std::vector<cv::Rect> boxes;
  std::vector<int> neighbours;
  cascade.detectMultiScale(gray, boxes, neighbours, kScaleStep, kNeighboursOfOne, 0,
                           {kLeastFace, kLeastFace});
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    cv::Rect box = boxes[i];
    if (mirrored) box.x = gray.cols - box.x - box.width;
    found.push_back({box, neighbours[i]});
  }
}

/// One of each face: the box with the most neighbours, with those of all that overlap it.
std::vector<Found> merged(std::vector<Found> found) {
  std::ranges::sort(found, [](const Found& a, const Found& b) {
    return std::tuple(-a.neighbours, a.box.y, a.box.x, a.box.width) <
           std::tuple(-b.neighbours, b.box.y, b.box.x, b.box.width);
  });
  std::vector<Found> faces;
  for (const Found& one : found) {
    const auto same = std::ranges::find_if(
        faces, [&](const Found& face) { return overlap_of(face.box, one.box) > 0.5; });
    if (same == faces.end()) {
      faces.push_back(one);
    } else {
      same->neighbours += one.neighbours;
    }
  }
  std::erase_if(faces, [](const Found& face) { return face.neighbours < kNeighboursOfAll; });
  return faces;
}

}  // namespace

struct FaceFinder::Cascades {
  Cascades() {
    load(front, "haarcascade_frontalface_alt2.xml");
    load(profile, "haarcascade_profileface.xml");
  }
  cv::CascadeClassifier front, profile;
};

FaceFinder::FaceFinder() : cascades_([] { return std::make_unique<Cascades>(); }) {
  cascades_.take();  // so that what is missing is said now
}

FaceFinder::~FaceFinder() = default;

std::vector<Region> FaceFinder::find(const cv::Mat& gray) const {
  cv::Mat small = shrunk_to(gray, kLookedAt).clone();
  cv::equalizeHist(small, small);
  cv::Mat mirrored;
  cv::flip(small, mirrored, 1);
  const auto cascades = cascades_.take();
  std::vector<Found> found;
  for (cv::CascadeClassifier* cascade : {&cascades->front, &cascades->profile}) {
    look_with(*cascade, small, false, found);
    look_with(*cascade, mirrored, true, found);
  }
  std::vector<Region> regions;
  for (const Found& face : merged(std::move(found))) {
    Region region;
    region.box = box_of(face.box, small.size());
    region.confidence = face.neighbours / (face.neighbours + 5.0);
    regions.push_back(std::move(region));
  }
  std::ranges::stable_sort(regions, std::ranges::greater(), [](const Region& region) {
    return region.box.width * region.box.height;
  });
  return regions;
}

}  // namespace saccade::photos
