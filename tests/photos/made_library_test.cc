#include "photos/made_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/json.h"
#include "media/image.h"
#include "media/test_pictures.h"
#include "photos/metadata.h"
#include "photos/photo_files.h"
#include "photos/vision/vision.h"
#include "temporary_directory.h"

namespace saccade::photos {
namespace {

constexpr MadeLibraryOptions kSmall{.width = 800, .height = 600, .burst_share = 0.5};

std::vector<std::byte> load(const TemporaryDirectory& folder, const std::string& name) {
  return bytes_of(read_text_file(folder.path() / name));
}

TEST(MadeLibraryTest, IsTheSameForTheSameSeedOnAnyThreads) {
  const TemporaryDirectory one, two, other;
  MadeLibraryOptions threaded = kSmall;
  threaded.threads = 3;
  const std::vector<MadePhoto> photos = make_library(one.path(), 6, 5, kSmall);
  make_library(two.path(), 6, 5, threaded);
  make_library(other.path(), 6, 6, kSmall);
  ASSERT_EQ(photos.size(), 6u);
  for (const MadePhoto& photo : photos) {
    EXPECT_EQ(load(one, photo.file), load(two, photo.file));
    EXPECT_NE(load(one, photo.file), load(other, photo.file));
  }
  EXPECT_EQ(load(one, "manifest.json"), load(two, "manifest.json"));
}

TEST(MadeLibraryTest, SaysWhatIsInItsFiles) {
  const TemporaryDirectory folder;
  const std::vector<MadePhoto> photos = make_library(folder.path(), 40, 1, kSmall);
  std::set<int> orientations;
  int places = 0, with_text = 0;
  for (const MadePhoto& photo : photos) {
    const PhotoMetadata metadata = read_metadata(load(folder, photo.file), photo.file);
    EXPECT_THAT(metadata.warnings, testing::IsEmpty());
    EXPECT_EQ(metadata.taken_at, photo.taken_at);
    EXPECT_NE(metadata.camera, "");
    EXPECT_NE(metadata.lens, "");
    orientations.insert(metadata.orientation);
    places += metadata.latitude.has_value();
    with_text += !photo.text.empty();
  }
  EXPECT_EQ(orientations, (std::set<int>{1, 6}));
  EXPECT_GT(places, 10);
  EXPECT_LT(places, 40);
  EXPECT_GT(with_text, 8);
  EXPECT_LT(with_text, 32);
  const auto manifest = read_json_file(folder.path() / "manifest.json");
  EXPECT_EQ(manifest.at("photos").as_array().size(), 40u);
  EXPECT_EQ(manifest.at("photos").as_array()[3].at("content").as_string(), photos[3].content);
}

TEST(MadeLibraryTest, HasBurstsOfOneSceneWithinSeconds) {
  const TemporaryDirectory folder;
  const std::vector<MadePhoto> photos = make_library(folder.path(), 40, 2, kSmall);
  std::map<int, std::vector<std::int64_t>> bursts;
  std::map<int, std::string> contents;
  for (const MadePhoto& photo : photos) {
    if (photo.burst < 0) continue;
    const PhotoMetadata metadata = read_metadata(load(folder, photo.file), photo.file);
    bursts[photo.burst].push_back(metadata.taken_seconds.value());
    EXPECT_EQ(contents.try_emplace(photo.burst, photo.content).first->second, photo.content);
  }
  EXPECT_GE(bursts.size(), 2u);
  for (const auto& [burst, times] : bursts) {
    EXPECT_GE(times.size(), 2u);
    EXPECT_LE(times.size(), 6u);
    for (std::size_t i = 1; i < times.size(); ++i) {
      EXPECT_GE(times[i] - times[i - 1], 1);
      EXPECT_LE(times[i] - times[i - 1], 3);
    }
  }
}

TEST(MadeLibraryTest, ShowsItsTextAndItsBackground) {
  const TemporaryDirectory folder;
  const std::vector<MadePhoto> photos =
      make_library(folder.path(), 10, 3, {.width = 1600, .height = 1200, .burst_share = 0.0});
  const std::unique_ptr<ClassicalVision> vision = make_classical_vision();
  int written = 0, read = 0;
  for (const MadePhoto& photo : photos) {
    EXPECT_EQ(photo.burst, -1);
    const VisionFindings findings =
        vision->look(media::decode_image(load(folder, photo.file), photo.file));
    std::string text;
    for (const Region& region : findings.regions) text += region.text + " ";
    written += !photo.text.empty();
    read += !photo.text.empty() && text.find(photo.text) != std::string::npos;
  }
  EXPECT_GE(written, 3);
  EXPECT_GE(10 * read, 8 * written);
}

TEST(MadeLibraryTest, SaysThatItCannotBeWritten) {
  const TemporaryDirectory folder;
  folder.write("file", "in the way");
  EXPECT_THAT(media::error_of([&] { make_library(folder.path() / "file", 1, 1, kSmall); }),
              testing::HasSubstr("file"));
}

}  // namespace
}  // namespace saccade::photos
