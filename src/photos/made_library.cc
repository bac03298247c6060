#include "photos/made_library.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <exception>
#include <exiv2/exiv2.hpp>
#include <mutex>
#include <opencv2/core.hpp>
#include <span>
#include <thread>

#include "base/error.h"
#include "base/output_file.h"
#include "media/image.h"
#include "media/jpeg_encoder.h"
#include "photos/made_scene.h"

namespace saccade::photos {
namespace {

constexpr int kQuality = 85;
constexpr std::int64_t kFirstTime = 1'714'557'600;  // 2024-05-01T10:00:00Z
constexpr int kLongestBurst = 6;

struct Place {
  double latitude, longitude;
  int offset_hours;
};
constexpr std::array<Place, 5> kPlaces = {{{52.5163, 13.3777, 2},
                                           {48.8584, 2.2945, 2},
                                           {-22.9519, -43.2105, -3},
                                           {35.3606, 138.7274, 9},
                                           {40.6892, -74.0445, -4}}};
struct Camera {
  const char *make, *model, *lens;
};
constexpr std::array<Camera, 3> kCameras = {
    {{"Apple", "iPhone 15", "iPhone 15 back camera 6mm f/1.6"},
     {"Canon", "Canon EOS R6", "RF24-105mm F4 L IS USM"},
     {"FUJIFILM", "X-T5", "XF23mmF2 R WR"}}};

/// What one photo is to be, before it is drawn.
struct Plan {
  MadePhoto photo;
  std::uint64_t scene_seed = 0;
  int index_in_burst = 0;
  std::int64_t utc_seconds = 0;
  Place place{};
  bool has_place = false;
  Camera camera{};
};

std::string local_time(const Plan& plan, const char* format) {
  const std::chrono::sys_seconds local(
      std::chrono::seconds(plan.utc_seconds + 3600 * plan.place.offset_hours));
  return fmt::format(fmt::runtime(format), local);
}

std::string offset_text(int hours) {
  return fmt::format("{}{:02}:00", hours < 0 ? '-' : '+', std::abs(hours));
}

std::vector<Plan> make_plans(int photos, std::uint64_t seed, const MadeLibraryOptions& options) {
  cv::RNG random(seed * 0x9e3779b97f4a7c15U + 3);
  for (int i = 0; i < 4; ++i) random.next();
  // A burst has four photos on average, and counts once here.
  const double chance = options.burst_share / (4.0 - 3.0 * options.burst_share);
  std::vector<Plan> plans;
  std::int64_t time = kFirstTime;
  int bursts = 0;
  for (std::uint64_t scene = 0; static_cast<int>(plans.size()) < photos; ++scene) {
    Plan plan;
    plan.scene_seed = seed * 1'000'003 + scene;
    plan.place = kPlaces[static_cast<std::size_t>(random.uniform(0, int(kPlaces.size())))];
    plan.has_place = random.uniform(0, 10) < 7;
    plan.camera = kCameras[static_cast<std::size_t>(random.uniform(0, int(kCameras.size())))];
    const int left = photos - static_cast<int>(plans.size());
    int size = random.uniform(0.0, 1.0) < chance ? random.uniform(2, kLongestBurst + 1) : 1;
    size = std::min(size, left);
    plan.photo.burst = size > 1 ? bursts++ : -1;
    time += random.uniform(600, 40'000);
    const MadeScene drawn = make_scene(plan.scene_seed);
    plan.photo.text = drawn.text;
    plan.photo.content = drawn.content();
    for (int i = 0; i < size; ++i) {
      plan.index_in_burst = i;
      plan.utc_seconds = time += i == 0 ? 0 : random.uniform(1, 4);
      plan.photo.file = fmt::format("IMG_{:05}.jpg", plans.size() + 1);
      plan.photo.taken_at = local_time(plan, "{:%FT%T}") + offset_text(plan.place.offset_hours);
      plans.push_back(plan);
    }
  }
  return plans;
}

std::string degrees_text(double value) {
  const auto hundredths = std::llround(std::abs(value) * 360'000.0);  // of a second of arc
  return fmt::format("{}/1 {}/1 {}/100", hundredths / 360'000, hundredths / 6'000 % 60,
                     hundredths % 6'000);
}

/// EXIF as an APP1 segment: marker, length, name and data.
std::vector<std::byte> exif_segment(const Plan& plan, int orientation) {
  Exiv2::ExifData exif;
  exif["Exif.Image.Make"] = plan.camera.make;
  exif["Exif.Image.Model"] = plan.camera.model;
  exif["Exif.Image.Orientation"] = static_cast<std::uint16_t>(orientation);
  exif["Exif.Photo.LensModel"] = plan.camera.lens;
  exif["Exif.Photo.DateTimeOriginal"] = local_time(plan, "{:%Y:%m:%d %H:%M:%S}");
  exif["Exif.Photo.OffsetTimeOriginal"] = offset_text(plan.place.offset_hours);
  if (plan.has_place) {
    exif["Exif.GPSInfo.GPSLatitudeRef"] = plan.place.latitude < 0 ? "S" : "N";
    exif["Exif.GPSInfo.GPSLatitude"] = degrees_text(plan.place.latitude);
    exif["Exif.GPSInfo.GPSLongitudeRef"] = plan.place.longitude < 0 ? "W" : "E";
    exif["Exif.GPSInfo.GPSLongitude"] = degrees_text(plan.place.longitude);
  }
  Exiv2::Blob blob;
  Exiv2::ExifParser::encode(blob, Exiv2::littleEndian, exif);
  const std::string_view name("Exif\0\0", 6);
  const std::size_t length = 2 + name.size() + blob.size();
  std::vector<std::byte> segment = {std::byte{0xff}, std::byte{0xe1},
                                    static_cast<std::byte>(length >> 8),
                                    static_cast<std::byte>(length & 0xff)};
  const auto append = [&](auto bytes) {
    const auto view = std::as_bytes(std::span(bytes));
    segment.insert(segment.end(), view.begin(), view.end());
  };
  append(name);
  append(std::span(blob));
  return segment;
}

/// What a photo is drawn on; used again for the next, since fresh memory costs as much as drawing.
struct Canvas {
  media::Image stored;
  cv::Mat upright;
};

std::vector<std::byte> make_photo(const Plan& plan, const MadeLibraryOptions& options,
                                  Canvas& canvas) {
  constexpr int kUpright = 1, kTurnRight = 6;  // EXIF orientations
  const MadeScene scene = make_scene(plan.scene_seed);
  media::Image& stored = canvas.stored;
  stored.width = options.width;
  stored.height = options.height;
  stored.pixels.resize(std::size_t{3} * options.width * options.height);
  cv::Mat pixels(options.height, options.width, CV_8UC3, stored.pixels.data());
  const MadeView view = make_view(plan.scene_seed, plan.index_in_burst);
  if (scene.portrait) {
    canvas.upright.create(options.width, options.height, CV_8UC3);
    draw_scene(scene, view, canvas.upright);
    cv::rotate(canvas.upright, pixels, cv::ROTATE_90_COUNTERCLOCKWISE);
  } else {
    draw_scene(scene, view, pixels);
  }
  std::vector<std::byte> file = media::encode_jpeg(stored, kQuality);
  const std::vector<std::byte> exif = exif_segment(plan, scene.portrait ? kTurnRight : kUpright);
  file.insert(file.begin() + 2, exif.begin(), exif.end());  // after the start of the image
  return file;
}

void write_manifest(const std::filesystem::path& path, const std::vector<MadePhoto>& photos) {
  boost::json::array list;
  for (const MadePhoto& photo : photos) {
    boost::json::object entry{{"file", photo.file},
                              {"burst", nullptr},
                              {"text", photo.text},
                              {"content", photo.content},
                              {"taken_at", photo.taken_at}};
    if (photo.burst >= 0) entry["burst"] = photo.burst;
    list.push_back(std::move(entry));
  }
  const std::string text = boost::json::serialize(boost::json::object{{"photos", std::move(list)}});
  write_file(path, std::as_bytes(std::span(text)));
}

/// Calls `action(i, canvas)` for all i below `count` on so many threads, each with a canvas; throws
/// what one of them threw.
template <typename Action>
void for_each_index(std::size_t count, int threads, const Action& action) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr error;
  std::mutex mutex;
  const auto work = [&] {
    try {
      Canvas canvas;
      for (std::size_t i = next++; i < count; i = next++) action(i, canvas);
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      next = count;
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 1; i < threads; ++i) workers.emplace_back(work);
  work();
  workers.clear();
  if (error) std::rethrow_exception(error);
}

}  // namespace

std::vector<MadePhoto> make_library(const std::filesystem::path& folder, int photos,
                                    std::uint64_t seed, const MadeLibraryOptions& options) {
  if (options.width < 64 || options.height < 64 || options.width > 20000 ||
      options.height > 20000) {
    fail("made photos of {}x{} pixels: wanted sides of 64 to 20000", options.width, options.height);
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot be made: {}", folder.string(), error.message());
  const std::vector<Plan> plans = make_plans(photos, seed, options);
  for_each_index(plans.size(), options.threads, [&](std::size_t i, Canvas& canvas) {
    write_file(folder / plans[i].photo.file, make_photo(plans[i], options, canvas));
  });
  std::vector<MadePhoto> made;
  for (const Plan& plan : plans) made.push_back(plan.photo);
  write_manifest(folder / "manifest.json", made);
  return made;
}

}  // namespace saccade::photos
