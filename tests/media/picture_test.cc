// Pictures that are resized while they are decoded, held against those that are decoded first.
#include "media/picture.h"

#include <cmath>

#include "test_pictures.h"

namespace saccade::media {
namespace {

std::string sample(const std::string& name) {
  return read_text_file(source_dir() / "assets/pictures" / name);
}

TEST(picture, resized_equals_resizing_all_pixels) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(pixels_dir() / "source")) {
    const std::string name = entry.path().filename().string();
    SCOPED_TRACE(name);
    const std::string file = read_text_file(entry.path());
    const Image image = decode_image(as_bytes(file), name);
    for (const auto& [width, height] : {std::pair{image.width, image.height},
                                        {image.width, 5},
                                        {7, image.height},
                                        {13, 9},
                                        {2 * image.width, 2 * image.height + 1}}) {
      const Picture picture(as_bytes(file), name);
      ASSERT_EQ(picture.width(), image.width);
      ASSERT_EQ(picture.height(), image.height);
      EXPECT_EQ(picture.resized(width, height, Resample::kBicubic).pixels,
                resize(image, width, height, Resample::kBicubic).pixels);
      // Once more: a decoder reads its rows once, and pixels() decodes for itself.
      EXPECT_EQ(picture.resized(3, 3, Resample::kLanczos).pixels,
                resize(image, 3, 3, Resample::kLanczos).pixels);
      EXPECT_EQ(picture.pixels().pixels, image.pixels);
      EXPECT_EQ(picture.shrink(), 1);
    }
    ++files;
  }
  EXPECT_GT(files, 20);
}

TEST(picture, an_image_is_a_picture) {
  const std::string file = sample("beach.jpg");
  const Image image = decode_image(as_bytes(file), "beach.jpg");
  const Picture picture(image);
  EXPECT_EQ(picture.width(), image.width);
  EXPECT_EQ(picture.resized(33, 21, Resample::kBilinear).pixels,
            resize(image, 33, 21, Resample::kBilinear).pixels);
}

TEST(picture, shrinks_jpeg_files_no_further_than_asked) {
  const std::string file = sample("beach.jpg");
  const Picture exact(as_bytes(file), "beach.jpg");
  const Picture fast(as_bytes(file), "beach.jpg", {.shrink_on_load = true});
  const int width = exact.width();
  const int height = exact.height();
  for (const auto& [part, shrink] : {std::pair{1, 1}, {2, 2}, {3, 2}, {4, 4}, {8, 8}, {20, 8}}) {
    const Image expected = exact.resized(width / part, height / part, Resample::kBicubic);
    const Image found = fast.resized(width / part, height / part, Resample::kBicubic);
    EXPECT_EQ(fast.shrink(), shrink) << part;
    ASSERT_EQ(found.pixels.size(), expected.pixels.size());
    double difference = 0.0;
    for (std::size_t i = 0; i < found.pixels.size(); ++i) {
      difference += std::abs(found.pixels[i] - expected.pixels[i]);
    }
    difference /= static_cast<double>(found.pixels.size());
    // In steps of 8 bits; measured: up to 1.8. A picture moved by one pixel differs by over 6.
    EXPECT_LT(difference, 3.0) << part;
    EXPECT_EQ(difference == 0.0, shrink == 1) << part;
  }
  EXPECT_EQ(fast.width(), width);
  // All pixels are all pixels.
  EXPECT_EQ(fast.pixels().pixels, exact.pixels().pixels);
}

}  // namespace
}  // namespace saccade::media
