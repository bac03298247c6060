#include "media/thumbnail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/container.h"
#include "media/jpeg_encoder.h"
#include "media/orientation.h"
#include "test_pictures.h"

namespace saccade::media {
namespace {

std::string source(const std::string& name) {
  return read_text_file(pixels_dir() / "source" / name);
}

Image thumbnail(std::span<const std::byte> file, int size) {
  return decode_image(make_thumbnail(file, "a", size), "a");
}

/// Its left half red, its right half blue.
Image two_halves(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool left = 2 * x < width;
      image.pixels.insert(image.pixels.end(), {static_cast<std::uint8_t>(left ? 220 : 30), 30,
                                               static_cast<std::uint8_t>(left ? 30 : 220)});
    }
  }
  return image;
}

TEST(thumbnail, fits_the_longer_side) {
  for (const auto& [width, height] : {std::pair(1000, 600), std::pair(600, 1000)}) {
    const Image small = thumbnail(encode_jpeg(two_halves(width, height), 90), 200);
    EXPECT_EQ(std::max(small.width, small.height), 200);
    EXPECT_EQ(std::min(small.width, small.height), 120);
    EXPECT_EQ(small.width > small.height, width > height);
    EXPECT_NEAR(small.pixels[0], 220, 6);
    EXPECT_NEAR(small.pixels[small.pixels.size() - 1], 220, 6);
  }
}

TEST(thumbnail, is_never_larger_than_the_picture) {
  const Image small = thumbnail(encode_jpeg(two_halves(100, 60), 90), 512);
  EXPECT_EQ(small.width, 100);
  EXPECT_EQ(small.height, 60);
}

double mean_difference(const Image& a, const Image& b) {
  double difference = 0.0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    difference += std::abs(a.pixels[i] - b.pixels[i]);
  }
  return difference / static_cast<double>(a.pixels.size());
}

/// Every format, and every orientation: the small picture is the large one, smaller, and no other
/// way up is nearly as like it.
TEST(thumbnail, shows_the_upright_picture) {
  for (const char* name :
       {"gray.jpg", "rgb8.png", "rgb16.png", "lossy.webp", "still.gif", "deflate.tif",
        "orientation_2.jpg", "orientation_3.jpg", "orientation_4.jpg", "orientation_5.jpg",
        "orientation_6.jpg", "orientation_7.jpg", "orientation_8.jpg", "orientation_5.webp",
        "orientation_6.png", "orientation_8.tif"}) {
    const std::string file = source(name);
    const Image large = decode_image(as_bytes(file), name);
    const Image small = thumbnail(as_bytes(file), 24);
    EXPECT_EQ(small.width > small.height, large.width > large.height) << name;
    const double difference =
        mean_difference(small, resize_bicubic(large, small.width, small.height));
    EXPECT_LT(difference, 15.0) << name;  // colour management and JPEG move colours
    for (int turned = 2; turned <= 8; ++turned) {
      const Image other =
          resize_bicubic(apply_orientation(large, turned), small.width, small.height);
      EXPECT_GT(mean_difference(small, other), 1.5 * difference) << name << ", " << turned;
    }
  }
}

TEST(thumbnail, shows_inks_as_light) {
  const std::string file = source("cmyk.jpg");
  const Image large = decode_image(as_bytes(file), "cmyk.jpg");
  const Image small = thumbnail(as_bytes(file), 24);
  const Image wanted = resize_bicubic(large, small.width, small.height);
  Image inverted = wanted;
  for (std::uint8_t& sample : inverted.pixels) sample = 255 - sample;
  // Pillow takes inks as they are, libvips by the colours that they print.
  EXPECT_LT(mean_difference(small, wanted), 30.0);
  EXPECT_GT(mean_difference(small, inverted), 45.0);
}

TEST(thumbnail, shows_heif_as_its_own_rotation_says) {
  for (const char* name : {"plain.heic", "irot1.heic", "imir1.heic", "irot1.avif"}) {
    const std::string file = read_text_file(data_dir() / name);
    const Image large = decode_image(as_bytes(file), name);
    const Image small = thumbnail(as_bytes(file), 512);
    ASSERT_EQ(small.width, large.width) << name;
    ASSERT_EQ(small.height, large.height) << name;
    EXPECT_LT(mean_difference(small, large), 12.0) << name;
  }
}

TEST(thumbnail, puts_what_is_transparent_on_white) {
  const std::string file = source("transparent.gif");
  const std::vector<std::byte> small = make_thumbnail(as_bytes(file), "a", 64);
  const Image pixels = decode_image(small, "a");
  EXPECT_EQ(sniff_format(ByteView(small)), ImageFormat::kJpeg);
  EXPECT_GT(*std::ranges::max_element(pixels.pixels), 240);
}

TEST(thumbnail, has_no_metadata) {
  const std::vector<std::byte> small =
      make_thumbnail(as_bytes(source("orientation_6.jpg")), "a", 64);
  const std::string_view text(reinterpret_cast<const char*>(small.data()), small.size());
  EXPECT_EQ(text.find("Exif"), text.npos);
  EXPECT_EQ(text.find("ICC_PROFILE"), text.npos);
}

/// Headers like this one are what damage makes of others.
TEST(thumbnail, refuses_sides_that_no_picture_has) {
  FileWriter tiff;
  tiff.text("II").little(42, 2).little(8, 4).little(6, 2);
  const auto entry = [&](int tag, std::uint64_t value) {
    tiff.little(static_cast<unsigned>(tag), 2).little(4, 2).little(1, 4).little(value, 4);
  };
  entry(256, 18);         // width
  entry(257, 9'733'919);  // height
  entry(258, 8);          // bits
  entry(262, 1);          // black is zero
  entry(273, 8);          // strip at
  entry(279, 18);         // strip of bytes
  tiff.little(0, 4);
  const std::vector<std::byte> file = tiff.take();
  EXPECT_THAT(error_of([&] { make_thumbnail(file, "a.tif", 64); }),
              testing::HasSubstr("over the limit"));
}

TEST(thumbnail, refuses_what_is_damaged_in_one_line) {
  const std::vector<std::byte> whole = encode_jpeg(two_halves(400, 300), 90);
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, whole.size() / 2}) {
    EXPECT_THAT(error_of([&] { make_thumbnail(std::span(whole).first(size), "a.jpg", 64); }),
                testing::StartsWith("a.jpg: "));
  }
  EXPECT_THAT(error_of([] { make_thumbnail(as_bytes("<svg/>"), "a.svg", 64); }),
              testing::StartsWith("a.svg: "));
}

}  // namespace
}  // namespace saccade::media
