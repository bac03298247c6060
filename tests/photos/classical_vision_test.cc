#include <ZXing/BitMatrix.h>
#include <ZXing/MultiFormatWriter.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "media/picture.h"
#include "media/test_pictures.h"
#include "photos/photo_files.h"
#include "photos/vision/vision.h"

namespace saccade::photos {
namespace {

using testing::HasSubstr;

const ClassicalVision& vision() {
  static const std::unique_ptr<ClassicalVision> made = make_classical_vision();
  return *made;
}

std::vector<Region> regions_of(const VisionFindings& findings, Region::Kind kind) {
  std::vector<Region> regions;
  std::ranges::copy_if(findings.regions, std::back_inserter(regions),
                       [&](const Region& region) { return region.kind == kind; });
  return regions;
}

std::string text_of(const VisionFindings& findings) {
  std::string text;
  for (const Region& region : regions_of(findings, Region::Kind::kText)) text += region.text + "\n";
  return text;
}

void expect_equal(const VisionFindings& a, const VisionFindings& b) {
  ASSERT_EQ(a.regions.size(), b.regions.size());
  for (std::size_t i = 0; i < a.regions.size(); ++i) {
    EXPECT_EQ(a.regions[i].kind, b.regions[i].kind);
    EXPECT_EQ(a.regions[i].text, b.regions[i].text);
    EXPECT_EQ(a.regions[i].confidence, b.regions[i].confidence);
    EXPECT_EQ(a.regions[i].box.x, b.regions[i].box.x);
    EXPECT_EQ(a.regions[i].box.width, b.regions[i].box.width);
  }
  EXPECT_EQ(a.sharpness, b.sharpness);
  EXPECT_EQ(a.brightness, b.brightness);
  EXPECT_EQ(a.perceptual_hash, b.perceptual_hash);
  ASSERT_EQ(a.colours.size(), b.colours.size());
  for (std::size_t i = 0; i < a.colours.size(); ++i) {
    EXPECT_EQ(a.colours[i].name, b.colours[i].name);
    EXPECT_EQ(a.colours[i].share, b.colours[i].share);
  }
}

void draw_code(cv::Mat& rgb, ZXing::BarcodeFormat format, const std::string& text,
               const cv::Rect& place) {
  const ZXing::BitMatrix code =
      ZXing::MultiFormatWriter(format).setMargin(4).encode(text, place.width, place.height);
  for (int y = 0; y < code.height(); ++y) {
    for (int x = 0; x < code.width(); ++x) {
      rgb.at<cv::Vec3b>(place.y + y, place.x + x) =
          code.get(x, y) ? cv::Vec3b(0, 0, 0) : cv::Vec3b(255, 255, 255);
    }
  }
}

/// A sign, a code and some colours.
cv::Mat street() {
  cv::Mat picture = plain_picture(1600, 1200, {90, 150, 220});
  cv::rectangle(picture, {200, 200, 900, 240}, {250, 250, 250}, cv::FILLED);
  write_text(picture, "SACCADE 2026", {260, 350}, 3.0);
  cv::circle(picture, {1300, 900}, 180, {220, 30, 35}, cv::FILLED, cv::LINE_AA);
  draw_code(picture, ZXing::BarcodeFormat::QRCode, "https://example.org/a?b=c",
            {300, 700, 300, 300});
  return picture;
}

TEST(ClassicalVisionTest, SaysWhatItIs) {
  EXPECT_THAT(vision().name(), testing::StartsWith("opencv "));
  EXPECT_THAT(vision().name(), HasSubstr("tesseract "));
  EXPECT_GE(vision().wanted_size(), 512);
}

TEST(ClassicalVisionTest, ReadsTextWhereItStands) {
  const VisionFindings findings = vision().look(image_of(street()));
  const std::vector<Region> lines = regions_of(findings, Region::Kind::kText);
  ASSERT_EQ(lines.size(), 1u) << text_of(findings);
  EXPECT_EQ(lines[0].text, "SACCADE 2026");
  EXPECT_GT(lines[0].confidence, 0.65);
  EXPECT_LE(lines[0].confidence, 1.0);
  EXPECT_NEAR(lines[0].box.x, 260 / 1600.0, 0.02);
  EXPECT_NEAR(lines[0].box.y + lines[0].box.height, 350 / 1200.0, 0.02);
}

TEST(ClassicalVisionTest, ReadsLinesInTheirOrderInAnyLight) {
  cv::Mat picture = plain_picture(1200, 900, {30, 60, 40});
  write_text(picture, "Welcome to the beach", {100, 200}, 2.0, {240, 240, 240});
  write_text(picture, "Open every day", {100, 600}, 1.0, {250, 220, 30});
  EXPECT_EQ(text_of(vision().look(image_of(picture))), "Welcome to the beach\nOpen every day\n");
}

TEST(ClassicalVisionTest, ReadsNothingIntoTexture) {
  cv::Mat leaves = plain_picture(1600, 1200, {40, 90, 30});
  cv::RNG random(5);
  for (int i = 0; i < 3000; ++i) {
    const cv::Point at(random.uniform(0, 1600), random.uniform(0, 1200));
    cv::ellipse(leaves, at, {random.uniform(4, 30), random.uniform(3, 9)}, random.uniform(0, 180),
                0, 360, cv::Scalar(random.uniform(20, 120), random.uniform(60, 200), 30),
                cv::FILLED, cv::LINE_AA);
  }
  const VisionFindings findings = vision().look(image_of(leaves));
  EXPECT_THAT(regions_of(findings, Region::Kind::kText), testing::SizeIs(testing::Le(1)))
      << text_of(findings);
  EXPECT_THAT(regions_of(findings, Region::Kind::kBarcode), testing::IsEmpty());
  EXPECT_EQ(findings.colours.at(0).name, "green");
}

TEST(ClassicalVisionTest, ReadsBarcodes) {
  cv::Mat picture = street();
  draw_code(picture, ZXing::BarcodeFormat::EAN13, "4006381333931", {900, 500, 380, 160});
  const auto codes = regions_of(vision().look(image_of(picture)), Region::Kind::kBarcode);
  ASSERT_EQ(codes.size(), 2u);
  EXPECT_EQ(codes[0].text, "4006381333931");
  EXPECT_EQ(codes[0].format, "EAN-13");
  EXPECT_EQ(codes[1].text, "https://example.org/a?b=c");
  EXPECT_EQ(codes[1].format, "QRCode");
  EXPECT_NEAR(codes[1].box.x, 0.2, 0.05);
  EXPECT_NEAR(codes[1].box.y, 0.6, 0.05);
  EXPECT_NEAR(codes[1].box.width, 0.17, 0.05);
}

TEST(ClassicalVisionTest, MeasuresTheWholePicture) {
  const VisionFindings sharp = vision().look(image_of(street()));
  cv::Mat blurred;
  cv::GaussianBlur(street(), blurred, {}, 12.0);
  const VisionFindings soft = vision().look(image_of(blurred));
  EXPECT_LT(soft.sharpness, 1.5);
  EXPECT_GT(sharp.sharpness, 1.5);
  EXPECT_EQ(sharp.colours.at(0).name, "blue");
  EXPECT_LE(hash_distance(sharp.perceptual_hash, soft.perceptual_hash), 6);
}

TEST(ClassicalVisionTest, FindsTheSameHoweverTheFileIsTurned) {
  const cv::Mat picture = street();
  const VisionFindings upright = vision().look(image_of(picture));
  cv::Mat stored;
  cv::rotate(picture, stored, cv::ROTATE_90_COUNTERCLOCKWISE);
  Exiv2::ExifData exif;
  exif["Exif.Image.Orientation"] = std::uint16_t{6};
  const media::Image turned =
      media::decode_image(with_metadata(jpeg_of(stored, 95), exif), "turned.jpg");
  const VisionFindings findings = vision().look(turned);
  EXPECT_EQ(text_of(findings), text_of(upright));
  EXPECT_EQ(regions_of(findings, Region::Kind::kBarcode).size(), 1u);
  EXPECT_LE(hash_distance(findings.perceptual_hash, upright.perceptual_hash), 2);
  EXPECT_EQ(findings.colours.at(0).name, upright.colours.at(0).name);
}

TEST(ClassicalVisionTest, FindsTheSameOnManyThreads) {
  const media::Image picture = image_of(street());
  const VisionFindings alone = vision().look(picture);
  std::array<VisionFindings, 6> findings;
  std::vector<std::thread> threads;
  for (VisionFindings& found : findings) {
    threads.emplace_back([&] { found = vision().look(picture); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const VisionFindings& found : findings) expect_equal(found, alone);
}

TEST(ClassicalVisionTest, FindsFaces) {
  const auto hopper = shared_picture("hopper.jpg");
  const auto cats = shared_picture("cats.jpg");
  if (!hopper || !cats) GTEST_SKIP() << "the shared pictures are not here";
  const VisionFindings findings = vision().look(media::decode_image(*hopper, "hopper.jpg"));
  const auto faces = regions_of(findings, Region::Kind::kFace);
  ASSERT_EQ(faces.size(), 1u);
  EXPECT_NEAR(faces[0].box.x + faces[0].box.width / 2, 0.5, 0.1);
  EXPECT_NEAR(faces[0].box.y + faces[0].box.height / 2, 0.38, 0.1);
  EXPECT_GT(faces[0].confidence, 0.5);
  const VisionFindings animals = vision().look(media::decode_image(*cats, "cats.jpg"));
  EXPECT_THAT(regions_of(animals, Region::Kind::kFace), testing::IsEmpty());
}

TEST(ClassicalVisionTest, FindsASmallFaceInALargePicture) {
  const auto hopper = shared_picture("hopper.jpg");
  if (!hopper) GTEST_SKIP() << "the shared pictures are not here";
  media::Image small = media::decode_image(*hopper, "hopper.jpg");
  cv::Mat face(small.height, small.width, CV_8UC3, small.pixels.data());
  cv::Mat picture = street();
  cv::resize(face, face, {320, 320}, 0, 0, cv::INTER_CUBIC);
  face.copyTo(picture(cv::Rect(1100, 100, 320, 320)));
  const auto faces = regions_of(vision().look(image_of(picture)), Region::Kind::kFace);
  ASSERT_EQ(faces.size(), 1u);
  EXPECT_NEAR(faces[0].box.x + faces[0].box.width / 2, 1260 / 1600.0, 0.02);
}

TEST(ClassicalVisionTest, LooksAtTheSmallestPictures) {
  for (const auto& [width, height] :
       {std::pair(1, 1), std::pair(3, 1), std::pair(1, 300), std::pair(41, 41)}) {
    const VisionFindings findings = vision().look(image_of(plain_picture(width, height)));
    EXPECT_THAT(findings.regions, testing::IsEmpty());
    EXPECT_NEAR(findings.brightness, 200 / 255.0, 1e-9);
  }
  EXPECT_THAT(media::error_of([] { vision().look({}); }), HasSubstr("without pixels"));
}

}  // namespace
}  // namespace saccade::photos
