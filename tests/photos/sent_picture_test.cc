// Pictures as they go to other servers.
#include "photos/vlm/sent_picture.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "media/jpeg_encoder.h"
#include "media/picture.h"
#include "saccade/error.h"

namespace saccade::photos {
namespace {

ImageBytes picture(const std::string& file) {
  return read_image(SACCADE_SOURCE_DIR "/" + file);
}

media::Image pixels(const std::vector<std::byte>& bytes) {
  return media::decode_image(bytes, "sent");
}

/// A JPEG of 64 x 32 pixels with an EXIF block that holds an orientation and the word SECRET.
ImageBytes jpeg_with_exif(int orientation) {
  media::Image image{64, 32, std::vector<std::uint8_t>(64 * 32 * 3, 99)};
  const std::vector<std::byte> plain = media::encode_jpeg(image, 90);
  std::string exif("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0?\0\0\0\0\0\0\0SECRET",
                   44);
  exif[exif.find('?')] = static_cast<char>(orientation);
  std::string segment = "\xff\xe1";
  segment += '\0';
  segment += static_cast<char>(exif.size() + 2);
  segment += exif;
  std::vector<std::byte> bytes(plain.begin(), plain.begin() + 2);
  std::ranges::transform(segment, std::back_inserter(bytes), [](char c) { return std::byte(c); });
  bytes.insert(bytes.end(), plain.begin() + 2, plain.end());
  return {std::move(bytes), "exif.jpg"};
}

bool has_secret(const std::vector<std::byte>& bytes) {
  constexpr std::string_view kSecret = "SECRET";
  return std::ranges::search(bytes, kSecret, [](std::byte a, char b) {
           return a == std::byte(b);
         }).begin() != bytes.end();
}

TEST(SentPicture, KeepsItsPixelsWithoutItsMetadata) {
  const ImageBytes file = jpeg_with_exif(1);
  ASSERT_TRUE(has_secret(file.bytes));
  const SentPicture sent = picture_to_send(file, std::nullopt);
  EXPECT_EQ(sent.media_type, "image/jpeg");
  EXPECT_FALSE(has_secret(sent.bytes));
  EXPECT_EQ(pixels(sent.bytes).pixels, pixels(file.bytes).pixels);
}

TEST(SentPicture, IsUpright) {
  const SentPicture sent = picture_to_send(jpeg_with_exif(6), std::nullopt);
  EXPECT_FALSE(has_secret(sent.bytes));
  EXPECT_EQ(pixels(sent.bytes).width, 32);
  EXPECT_EQ(pixels(sent.bytes).height, 64);
}

TEST(SentPicture, IsNoLargerThanItMayBe) {
  const ImageBytes file = picture("assets/pictures/beach.jpg");
  const media::Image whole = pixels(file.bytes);
  const SentPicture sent = picture_to_send(file, 5000);
  const media::Image smaller = pixels(sent.bytes);
  EXPECT_LE(smaller.width * smaller.height, 5000);
  EXPECT_NEAR(1.0 * smaller.width / smaller.height, 1.0 * whole.width / whole.height, 0.05);
  EXPECT_EQ(pixels(picture_to_send(file, 1).bytes).width, 1);
}

TEST(SentPicture, HasAFormatOfTheWeb) {
  const std::string goldens = "tests/goldens/pixels/source/";
  const std::vector<std::pair<std::string, std::string>> files = {
      {goldens + "rgb16.png", "image/png"},
      {goldens + "lossy.webp", "image/webp"},
      {goldens + "interlaced.gif", "image/gif"},
      {goldens + "raw.tif", "image/jpeg"},
      {"tests/media/data/plain.heic", "image/jpeg"}};
  for (const auto& [file, type] : files) {
    const ImageBytes source = picture(file);
    const SentPicture sent = picture_to_send(source, std::nullopt);
    EXPECT_EQ(sent.media_type, type) << file;
    EXPECT_EQ(pixels(sent.bytes).width, pixels(source.bytes).width) << file;
    if (type != "image/jpeg") {
      EXPECT_EQ(pixels(sent.bytes).pixels, pixels(source.bytes).pixels) << file;
    }
  }
}

TEST(SentPicture, MustBeOne) {
  EXPECT_THROW(picture_to_send({{std::byte{1}, std::byte{2}}, "x"}, std::nullopt), Error);
}

}  // namespace
}  // namespace saccade::photos
