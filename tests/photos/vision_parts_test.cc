// The measures that need neither cascades nor Tesseract.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "media/image.h"
#include "photos/photo_files.h"
#include "photos/vision/boxes.h"
#include "photos/vision/colours.h"
#include "photos/vision/light.h"
#include "photos/vision/miniature.h"
#include "photos/vision/perceptual_hash.h"
#include "photos/vision/text_candidates.h"
#include "photos/vision/vision.h"

namespace saccade::photos {
namespace {

cv::Mat gray_of(const cv::Mat& rgb) {
  cv::Mat gray;
  cv::cvtColor(rgb, gray, cv::COLOR_RGB2GRAY);
  return gray;
}

/// Coloured discs on a gradient, others for other seeds.
cv::Mat scene(int seed, int width = 640, int height = 480) {
  cv::RNG random(static_cast<std::uint64_t>(seed) + 77);
  cv::Mat picture(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    picture.row(y) = cv::Scalar(60 + 120 * y / height, 120, 200 - 100 * y / height);
  }
  for (int i = 0; i < 8; ++i) {
    const cv::Point centre(random.uniform(0, width), random.uniform(0, height));
    const cv::Scalar colour(random.uniform(0, 255), random.uniform(0, 255), random.uniform(0, 255));
    cv::circle(picture, centre, random.uniform(width / 20, width / 5), colour, cv::FILLED,
               cv::LINE_AA);
  }
  return picture;
}

TEST(HashTest, CountsTheBitsThatDiffer) {
  EXPECT_EQ(hash_distance(0x0f, 0x0f), 0);
  EXPECT_EQ(hash_distance(0x0f, 0x0e), 1);
  EXPECT_EQ(hash_distance(0, ~std::uint64_t{0}), 64);
}

TEST(HashTest, IsNearForTheSamePictureAndFarForOthers) {
  for (int seed = 0; seed < 8; ++seed) {
    const cv::Mat picture = scene(seed);
    const std::uint64_t hash = perceptual_hash(gray_of(picture));
    media::Image again = media::decode_image(jpeg_of(picture, 40), "a");
    const cv::Mat recoded(again.height, again.width, CV_8UC3, again.pixels.data());
    cv::Mat smaller, lighter;
    cv::resize(picture, smaller, {237, 179}, 0, 0, cv::INTER_AREA);
    picture.convertTo(lighter, -1, 1.0, 20);
    EXPECT_LE(hash_distance(hash, perceptual_hash(gray_of(recoded))), 4) << seed;
    EXPECT_LE(hash_distance(hash, perceptual_hash(gray_of(smaller))), 4) << seed;
    EXPECT_LE(hash_distance(hash, perceptual_hash(gray_of(lighter))), 8) << seed;
    for (int other = 0; other < seed; ++other) {
      EXPECT_GE(hash_distance(hash, perceptual_hash(gray_of(scene(other)))), 14)
          << seed << " and " << other;
    }
  }
}

/// How much the part that differs most does so.
double difference_of(const cv::Mat& a, const cv::Mat& b) {
  return largest_difference(miniature_of(a), miniature_of(b)).value();
}

cv::Mat recoded(const cv::Mat& rgb, int quality) {
  const media::Image again = media::decode_image(jpeg_of(rgb, quality), "a");
  return cv::Mat(again.height, again.width, CV_8UC3, const_cast<std::uint8_t*>(again.pixels.data()))
      .clone();
}

/// Photographs, and a made picture where they are not kept.
std::vector<cv::Mat> photographs() {
  std::vector<cv::Mat> pictures = {scene(3)};
  for (const char* name : {"cats.jpg", "hopper.jpg", "icc_profile_big.jpg"}) {
    const auto file = shared_picture(name);
    if (!file) continue;
    const media::Image image = media::decode_image(*file, name);
    pictures.push_back(
        cv::Mat(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()))
            .clone());
  }
  return pictures;
}

constexpr double kSame = 24.0;  // as scene_evidence.cc has it

TEST(MiniatureTest, IsNearForWhatBecomesOfAPhoto) {
  for (const cv::Mat& photo : photographs()) {
    EXPECT_EQ(difference_of(photo, photo), 0.0);
    EXPECT_LT(difference_of(photo, recoded(photo, 50)), kSame / 2);
    EXPECT_LT(difference_of(photo, recoded(photo, 20)), kSame);
    cv::Mat smaller;
    cv::resize(photo, smaller, {}, 0.25, 0.25, cv::INTER_AREA);
    EXPECT_LT(difference_of(photo, smaller), kSame / 2);
    for (const double light : {0.75, 1.25}) {
      cv::Mat exposed;
      photo.convertTo(exposed, -1, light);
      EXPECT_LT(difference_of(photo, exposed), kSame) << light;
    }
    for (const double share : {0.01, 0.02, 0.03, 0.04}) {
      const int x = static_cast<int>(share * photo.cols), y = static_cast<int>(share * photo.rows);
      const cv::Rect all(x, y, photo.cols - 2 * x, photo.rows - 2 * y);
      const cv::Rect corner(x, y, photo.cols - x, photo.rows - y);
      EXPECT_LT(difference_of(photo, photo(all)), kSame) << share;
      EXPECT_LT(difference_of(photo, photo(corner)), kSame) << share;
    }
  }
}

TEST(MiniatureTest, IsFarForAnotherThingInTheSamePlace) {
  for (const cv::Mat& photo : photographs()) {
    cv::Mat mirrored;
    cv::flip(photo, mirrored, 1);
    EXPECT_GT(difference_of(photo, mirrored), kSame);
    // A ball on the table, and another one.
    const cv::Point place(photo.cols / 3, photo.rows / 2);
    const int radius = photo.rows / 9;
    cv::Mat red = photo.clone(), blue = photo.clone(), aside = photo.clone();
    cv::circle(red, place, radius, {200, 40, 40}, cv::FILLED);
    cv::circle(blue, place, radius, {40, 40, 200}, cv::FILLED);
    cv::circle(aside, place + cv::Point(2 * radius, 0), radius, {200, 40, 40}, cv::FILLED);
    EXPECT_GT(difference_of(red, blue), kSame);
    EXPECT_GT(difference_of(red, aside), kSame);
    EXPECT_LT(difference_of(red, recoded(red, 50)), kSame / 2);
  }
}

TEST(MiniatureTest, OfNothingIsNotCompared) {
  EXPECT_FALSE(largest_difference({}, miniature_of(scene(1))).has_value());
}

TEST(SharpnessTest, FallsWithBlur) {
  cv::Mat street = scene(1, 512, 384);
  for (int y = 40; y < 384; y += 60) write_text(street, "houses and trees", {20, y}, 1.2);
  const cv::Mat sharp = gray_of(street);
  double last = sharpness_of(sharp);
  EXPECT_GT(last, 1.5);
  for (const double sigma : {1.0, 2.0, 4.0, 6.0}) {
    cv::Mat blurred;
    cv::GaussianBlur(sharp, blurred, {}, sigma);
    const double sharpness = sharpness_of(blurred);
    EXPECT_LT(sharpness, last);
    last = sharpness;
  }
  EXPECT_LT(last, 1.5);
  EXPECT_EQ(sharpness_of(cv::Mat(100, 100, CV_8U, cv::Scalar(90))), 0.0);
}

TEST(ExposureTest, MeasuresLightAndWhatIsClipped) {
  cv::Mat gray(100, 100, CV_8U, cv::Scalar(51));
  gray(cv::Rect(0, 0, 100, 25)) = 255;
  gray(cv::Rect(0, 25, 100, 10)) = 0;
  const Exposure exposure = exposure_of(gray);
  EXPECT_NEAR(exposure.brightness, 0.25 + 0.65 * 0.2, 1e-9);
  EXPECT_DOUBLE_EQ(exposure.clipped_light, 0.25);
  EXPECT_DOUBLE_EQ(exposure.clipped_dark, 0.1);
}

TEST(ColoursTest, HavePlainNames) {
  const std::vector<std::pair<cv::Scalar, std::string>> named = {
      {{220, 30, 35}, "red"},     {{250, 135, 15}, "orange"}, {{250, 220, 30}, "yellow"},
      {{35, 155, 60}, "green"},   {{35, 75, 215}, "blue"},    {{130, 45, 170}, "purple"},
      {{250, 135, 185}, "pink"},  {{120, 72, 32}, "brown"},   {{18, 18, 20}, "black"},
      {{250, 250, 250}, "white"}, {{130, 130, 132}, "gray"},  {{0, 0, 255}, "blue"},
      {{0, 255, 0}, "green"},     {{255, 0, 0}, "red"},       {{0, 0, 128}, "blue"},
      {{128, 0, 0}, "red"},       {{128, 0, 128}, "purple"},  {{135, 206, 235}, "blue"},
      {{255, 182, 193}, "pink"},  {{139, 69, 19}, "brown"},   {{255, 215, 0}, "yellow"},
      {{34, 80, 34}, "green"},    {{200, 200, 200}, "gray"},  {{60, 60, 60}, "gray"},
      {{255, 140, 0}, "orange"},  {{148, 0, 211}, "purple"},  {{255, 105, 180}, "pink"},
      {{255, 255, 0}, "yellow"},  {{0, 0, 0}, "black"},       {{255, 255, 255}, "white"}};
  for (const auto& [rgb, name] : named) {
    const std::vector<Colour> colours = dominant_colours(plain_picture(40, 30, rgb));
    ASSERT_EQ(colours.size(), 1u);
    EXPECT_EQ(colours[0].name, name) << rgb;
    EXPECT_EQ(colours[0].red, rgb[0]);
    EXPECT_EQ(colours[0].blue, rgb[2]);
    EXPECT_DOUBLE_EQ(colours[0].share, 1.0);
  }
}

TEST(ColoursTest, ComeWithTheirSharesLargestFirst) {
  cv::Mat picture = plain_picture(90, 90, {35, 155, 60});
  picture(cv::Rect(0, 0, 90, 27)) = cv::Scalar(35, 75, 215);
  picture(cv::Rect(0, 27, 9, 9)) = cv::Scalar(220, 30, 35);  // a hundredth: left out
  const std::vector<Colour> colours = dominant_colours(picture);
  ASSERT_EQ(colours.size(), 2u);
  EXPECT_EQ(colours[0].name, "green");
  EXPECT_NEAR(colours[0].share, 0.69, 1e-9);
  EXPECT_EQ(colours[1].name, "blue");
  EXPECT_NEAR(colours[1].share, 0.3, 1e-9);
}

TEST(TextCandidatesTest, AreWhereTheTextIs) {
  for (const double scale : {0.6, 1.5, 5.0}) {
    for (const bool light_on_dark : {false, true}) {
      cv::Mat picture = plain_picture(1200, 800, cv::Scalar::all(light_on_dark ? 40 : 220));
      write_text(picture, "SACCADE", {100, 400}, scale, cv::Scalar::all(light_on_dark ? 230 : 30));
      const std::vector<TextCandidate> found = find_text_candidates(gray_of(picture));
      ASSERT_EQ(found.size(), 1u) << scale;
      EXPECT_GE(found[0].letters, 6);
      EXPECT_EQ(found[0].light_on_dark, light_on_dark);
      EXPECT_TRUE(found[0].box.contains({105, 395}));
    }
  }
}

TEST(TextCandidatesTest, AreNoneInPlainAndRoundThings) {
  EXPECT_TRUE(find_text_candidates(cv::Mat(800, 1200, CV_8U, cv::Scalar(128))).empty());
  EXPECT_TRUE(find_text_candidates(gray_of(scene(3))).empty());
  EXPECT_TRUE(find_text_candidates(cv::Mat(3, 3, CV_8U, cv::Scalar(128))).empty());
}

}  // namespace
}  // namespace saccade::photos
