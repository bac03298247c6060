#include "photos/vision/faces.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>
#include <string>
#include <tuple>

#include "base/error.h"
#include "photos/vision/boxes.h"

namespace saccade::photos {
namespace {

constexpr int kLookedAt = 480;       // pixels of the longer side
constexpr int kLeastFace = 24;       // pixels: a twentieth of the longer side
constexpr double kScaleStep = 1.2;   // over the whole picture,
constexpr double kFineStep = 1.1;    // and where a face is proposed
constexpr int kNeighboursToAsk = 1;  // windows that agree, for a place to be looked at again
constexpr int kNeighboursOfOne = 3;  // that a cascade of Haar features must have to say anything
constexpr int kNeighboursOfAll = 6;  // of them all, for a face

/// The folders where packages of OpenCV put their cascades: Debian's, one built by hand,
/// Homebrew's.
constexpr std::array kFolders = {"/usr/share/opencv4", "/usr/local/share/opencv4",
                                 "/opt/homebrew/share/opencv4"};

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

std::vector<Found> look_with(cv::CascadeClassifier& cascade, const cv::Mat& gray, double step,
                             int neighbours, int least, int most) {
  std::vector<cv::Rect> boxes;
  std::vector<int> counts;
  cascade.detectMultiScale(gray, boxes, counts, step, neighbours, 0, {least, least}, {most, most});
  std::vector<Found> found;
  for (std::size_t i = 0; i < boxes.size(); ++i) found.push_back({boxes[i], counts[i]});
  return found;
}

/// The picture, and how to get from it to the one it was mirrored from.
struct View {
  cv::Mat gray;
  bool mirrored = false;
  cv::Rect original(cv::Rect box) const {
    if (mirrored) box.x = gray.cols - box.x - box.width;
    return box;
  }
};

bool is_one_of(const std::vector<Found>& faces, const cv::Rect& box) {
  return std::ranges::any_of(faces,
                             [&](const Found& face) { return overlap_of(face.box, box) > 0.5; });
}

/// What the fast cascade proposes and the sure one confirms there.
void look_twice(cv::CascadeClassifier& fast, cv::CascadeClassifier& sure, const View& view,
                std::vector<Found>& faces) {
  const int whole = std::max(view.gray.cols, view.gray.rows);
  std::vector<Found> confirmed;
  for (const Found& place :
       look_with(fast, view.gray, kScaleStep, kNeighboursToAsk, kLeastFace, whole)) {
    if (is_one_of(confirmed, place.box)) continue;
    const int size = place.box.width;
    const cv::Rect around =
        cv::Rect(place.box.x - size / 2, place.box.y - size / 2, 2 * size, 2 * size) &
        cv::Rect({}, view.gray.size());
    for (const Found& face : look_with(sure, view.gray(around), kFineStep, kNeighboursOfOne,
                                       size * 2 / 3, size * 3 / 2)) {
      const cv::Rect box = face.box + around.tl();
      if (!is_one_of(confirmed, box)) confirmed.push_back({box, face.neighbours});
    }
  }
  for (const Found& face : confirmed) faces.push_back({view.original(face.box), face.neighbours});
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
    load(fast_front, "lbpcascades/lbpcascade_frontalface.xml");
    load(fast_profile, "lbpcascades/lbpcascade_profileface.xml");
    load(sure_front, "haarcascades/haarcascade_frontalface_alt2.xml");
    load(sure_profile, "haarcascades/haarcascade_profileface.xml");
  }
  cv::CascadeClassifier fast_front, fast_profile, sure_front, sure_profile;
};

FaceFinder::FaceFinder() : cascades_([] { return std::make_unique<Cascades>(); }) {
  cascades_.take();  // so that what is missing is said now
}

FaceFinder::~FaceFinder() = default;

std::vector<Region> FaceFinder::find(const cv::Mat& gray) const {
  const cv::Mat small = shrunk_to(gray, kLookedAt);
  View upright, mirrored{.mirrored = true};
  cv::equalizeHist(small, upright.gray);
  cv::flip(upright.gray, mirrored.gray, 1);
  const auto cascades = cascades_.take();
  std::vector<Found> found;
  for (const View* view : {&upright, &mirrored}) {
    look_twice(cascades->fast_front, cascades->sure_front, *view, found);
    look_twice(cascades->fast_profile, cascades->sure_profile, *view, found);
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
