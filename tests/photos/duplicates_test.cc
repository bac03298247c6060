// Which photos count as the same scene: evidence by itself, and wrong joins on made libraries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <opencv2/imgproc.hpp>

#include "base/json.h"
#include "photos/answers.h"
#include "photos/clusters.h"
#include "photos/made_library.h"
#include "photos/photo_files.h"
#include "photos/scene_evidence.h"
#include "photos/test_library.h"
#include "photos/vision/miniature.h"
#include "photos/vision/perceptual_hash.h"
#include "photos/vlm/local_models.h"
#include "photos/vlm/local_vlm.h"

namespace saccade::photos {
namespace {

constexpr const char* kModel = SACCADE_SOURCE_DIR "/assets/glance";

/// What classical vision would find but for regions, which take it most of its time.
VisionFindings findings_of(const media::Image& picture) {
  const cv::Mat rgb(picture.height, picture.width, CV_8UC3,
                    const_cast<std::uint8_t*>(picture.pixels.data()));
  cv::Mat gray;
  cv::cvtColor(rgb, gray, cv::COLOR_RGB2GRAY);
  return {
      .sharpness = 2.0, .perceptual_hash = perceptual_hash(gray), .miniature = miniature_of(rgb)};
}

class EvidenceTest : public testing::Test {
 protected:
  /// A photo of one colour with this written in it.
  std::int64_t add(std::optional<std::int64_t> taken, int width, std::vector<Region> regions = {},
                   cv::Scalar colour = {120, 130, 140}) {
    const std::int64_t photo = test_.add_photo(0xff00, 0);
    VisionFindings findings = findings_of(image_of(plain_picture(80, 60, colour)));
    findings.regions = std::move(regions);
    test_.library.database().write([&](Connection& connection) {
      store_findings(connection, photo, "vision", "test", findings, 1);
      execute(connection,
              "UPDATE photos SET width = ?2, height = 600, taken_seconds = ?3 WHERE id = ?1", photo,
              width, taken);
    });
    return photo;
  }
  bool duplicates(std::int64_t a, std::int64_t b) {
    return test_.library.database().read([&](Connection& connection) {
      return may_be_duplicates(connection, test_.library.settings().clusters, a, b);
    });
  }
  bool differ_in_words(std::int64_t a, std::int64_t b) {
    return test_.library.database().read(
        [&](Connection& connection) { return say_different_things(connection, a, b); });
  }

  TestLibrary test_;
};

Region line(const std::string& text) {
  return {.kind = Region::Kind::kText, .box = {0.1, 0.1, 0.5, 0.1}, .text = text};
}
Region barcode(const std::string& text) {
  return {.kind = Region::Kind::kBarcode, .box = {0.1, 0.1, 0.5, 0.1}, .text = text};
}

TEST_F(EvidenceTest, ACopyKeepsItsTimeOrLosesIt) {
  const std::int64_t photo = add(1'000'000, 800);
  EXPECT_TRUE(duplicates(photo, add(1'000'000, 800)));
  EXPECT_TRUE(duplicates(photo, add(1'003'000, 800)));
  EXPECT_TRUE(duplicates(photo, add(std::nullopt, 800)));
  EXPECT_FALSE(duplicates(photo, add(1'004'000, 800)));
}

TEST_F(EvidenceTest, ACopyKeepsItsShapeAndItsColours) {
  const std::int64_t photo = add(std::nullopt, 800);
  EXPECT_TRUE(duplicates(photo, add(std::nullopt, 830)));
  EXPECT_FALSE(duplicates(photo, add(std::nullopt, 900)));
  EXPECT_TRUE(duplicates(photo, add(std::nullopt, 800, {}, {130, 140, 150})));
  EXPECT_FALSE(duplicates(photo, add(std::nullopt, 800, {}, {150, 100, 60})));
}

TEST_F(EvidenceTest, WhoseLooksAreNotKnownIsNoDuplicate) {
  const std::int64_t photo = add(5, 800);
  EXPECT_FALSE(duplicates(photo, test_.add_photo(0xff00, 5)));
}

TEST_F(EvidenceTest, PagesDifferByTheirWords) {
  const auto page = [&](std::vector<Region> regions) { return add(5, 800, std::move(regions)); };
  const std::int64_t first = page({line("The harbour was quiet that evening"), line("Chapter")});
  EXPECT_TRUE(differ_in_words(first, page({line("Nobody came before seven o'clock")})));
  EXPECT_FALSE(differ_in_words(first, page({line("THE HARB0UR was quiet that"), line("evenlng")})));
  EXPECT_FALSE(differ_in_words(first, page({line("Exit")}))) << "one word is not enough";
  EXPECT_FALSE(differ_in_words(first, page({})));
}

TEST_F(EvidenceTest, LabelsDifferByTheirBarcodes) {
  const std::int64_t first = add(5, 800, {barcode("4006381333931"), barcode("shelf 7")});
  EXPECT_TRUE(differ_in_words(first, add(5, 800, {barcode("4006381333948")})));
  EXPECT_FALSE(differ_in_words(first, add(5, 800, {barcode("4006381333931")})));
  EXPECT_FALSE(differ_in_words(first, add(5, 800)));
}

/// A made library whose photos are all in a library, looked at and embedded by the built-in model.
class MadeClusters : public testing::Test {
 protected:
  struct Joined {
    int right = 0;
    int wrong = 0;
    int savable = 0;
  };

  void SetUp() override {
    made_ = make_library(folder_.path(), 160, 7, {.width = 512, .height = 384, .threads = 2});
    LocalModels models;
    LocalVlm glance(kModel, models.get(kModel, {.device = "cpu"}));
    for (const MadePhoto& made : made_) {
      const std::int64_t photo = test_.add_photo(0, 0);
      const auto file = bytes_of(read_text_file(folder_.path() / made.file));
      const auto embedding = glance.embed({file, made.file}, 100'000);
      test_.library.database().write([&](Connection& connection) {
        store_metadata(connection, photo, read_metadata(file, made.file));
        store_findings(connection, photo, "vision", "test",
                       findings_of(media::decode_image(file, made.file)), 1);
        store_embedding(connection, photo, "glance", embedding.value());
      });
      photos_.push_back(photo);
    }
  }
  /// Brings the photos together, one after the other.
  Joined join() {
    return test_.library.database().write([&](Connection& connection) {
      for (const std::int64_t photo : photos_) {
        join_cluster(connection, test_.library.settings(), photo);
        execute(connection, "UPDATE jobs SET state = 'done' WHERE photo_id = ?1 AND tier = 'small'",
                photo);
      }
      Joined joined;
      std::map<int, int> sizes;
      for (std::size_t i = 0; i < made_.size(); ++i) {
        if (made_[i].burst >= 0 && sizes[made_[i].burst]++ > 0) ++joined.savable;
        if (!is_member(connection, photos_[i])) continue;
        const std::int64_t asked = query_integer(
            connection,
            "SELECT representative FROM clusters JOIN photos ON clusters.id = cluster_id WHERE "
            "photos.id = ?1",
            photos_[i]);
        const MadePhoto& other = made_[static_cast<std::size_t>(asked - photos_[0])];
        const bool same = made_[i].burst >= 0 && made_[i].burst == other.burst;
        ++(same ? joined.right : joined.wrong);
      }
      return joined;
    });
  }
  /// As if none had been brought together, and nobody knew when they were taken.
  void forget_times() {
    test_.library.database().write([](Connection& connection) {
      connection.exec(
          "UPDATE photos SET cluster_id = NULL, likeness = NULL, taken_seconds = NULL; DELETE FROM "
          "clusters; UPDATE jobs SET state = 'blocked'");
    });
  }

  TemporaryDirectory folder_;
  TestLibrary test_;
  std::vector<MadePhoto> made_;
  std::vector<std::int64_t> photos_;
};

TEST_F(MadeClusters, BurstsAreFoundAndOtherScenesAreNotJoined) {
  const Joined joined = join();
  EXPECT_GE(joined.savable, 30);
  EXPECT_GE(100 * joined.right, 85 * joined.savable) << joined.right << " of " << joined.savable;
  EXPECT_LE(100 * joined.wrong, joined.right) << joined.wrong;
  // Without times a photo of a burst is a near duplicate of another, or none; nothing but looks
  // tells scenes of few shapes from each other.
  forget_times();
  const Joined alike = join();
  EXPECT_GE(2 * alike.right, alike.savable) << alike.right << " of " << alike.savable;
  EXPECT_LE(50 * alike.wrong, alike.right) << alike.wrong;
}

}  // namespace
}  // namespace saccade::photos
