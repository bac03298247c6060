// Resized pixels, held against Pillow's.
#include <random>

#include "media/weighted_sum.h"
#include "test_pictures.h"

namespace saccade::media {
namespace {

Image noise(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  Image image{width, height, {}};
  image.pixels.resize(3 * static_cast<std::size_t>(width) * height);
  for (std::uint8_t& sample : image.pixels) sample = static_cast<std::uint8_t>(random());
  return image;
}

TEST(resize, equals_pillow_on_goldens) {
  const auto goldens = read_json_file(pixels_dir() / "resize.json");
  int sizes = 0;
  for (const auto& value : goldens.at("entries").as_array()) {
    const JsonObject golden(value, "resize.json");
    SCOPED_TRACE(golden.string("expected"));
    const Image resized = resize_bicubic(decode_file(pixels_dir() / golden.string("source")),
                                         static_cast<int>(golden.integer("width")),
                                         static_cast<int>(golden.integer("height")));
    EXPECT_EQ(max_difference(resized, decode_file(pixels_dir() / golden.string("expected"))), 0);
    ++sizes;
  }
  EXPECT_GT(sizes, 20);
}

TEST(resize, same_size_is_the_same_picture) {
  const Image image = noise(37, 21, 1);
  EXPECT_EQ(resize_bicubic(image, 37, 21).pixels, image.pixels);
}

TEST(resize, one_colour_stays_one_colour) {
  std::mt19937 random(2);
  for (int round = 0; round < 60; ++round) {
    const auto side = [&] { return 1 + static_cast<int>(random() % (round % 3 ? 60 : 400)); };
    Image image{side(), side(), {}};
    const auto level = static_cast<std::uint8_t>(round % 2 ? random() : 255 * (random() % 2));
    image.pixels.assign(3 * static_cast<std::size_t>(image.width) * image.height, level);
    const Image resized = resize_bicubic(image, side(), side());
    ASSERT_TRUE(std::ranges::all_of(resized.pixels, [&](int sample) { return sample == level; }))
        << image.width << " x " << image.height << " to " << resized.width << " x "
        << resized.height;
  }
}

TEST(resize, commutes_with_turning_the_picture) {
  // Mirroring does not change the set of weights, so it may come before or after.
  const auto mirrored = [](const Image& image) {
    Image result = image;
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          const std::size_t row = static_cast<std::size_t>(y) * image.width;
          result.pixels[3 * (row + x) + c] = image.pixels[3 * (row + image.width - 1 - x) + c];
        }
      }
    }
    return result;
  };
  const Image image = noise(64, 48, 3);
  // Powers of two, where both directions round the same way.
  for (const auto& [width, height] : {std::pair{32, 24}, {128, 96}, {16, 48}}) {
    EXPECT_LE(max_difference(resize_bicubic(mirrored(image), width, height),
                             mirrored(resize_bicubic(image, width, height))),
              1);
  }
}

TEST(resize, sizes_must_be_positive) {
  const Image image = noise(3, 3, 4);
  EXPECT_THROW(resize_bicubic(image, 0, 3), Error);
  EXPECT_THROW(resize_bicubic(image, 3, -1), Error);
  EXPECT_THROW(resize_bicubic(Image{}, 3, 3), Error);
}

TEST(weighted_sum, every_instruction_set_equals_plain_arithmetic) {
  std::mt19937 random(5);
  for (const NamedWeightedSum& sum : weighted_sums()) {
    SCOPED_TRACE(sum.name);
    for (int taps = 1; taps <= 9; ++taps) {
      constexpr int kStride = 52;
      std::vector<std::uint8_t> rows(static_cast<std::size_t>(taps) * kStride + kStep);
      for (std::uint8_t& sample : rows) sample = static_cast<std::uint8_t>(random());
      std::vector<std::int32_t> weights;
      for (int k = 0; k < taps; ++k) {
        weights.push_back(static_cast<std::int32_t>(random() % (1 << 20)) - (1 << 18));
      }
      std::uint8_t out[kStep];
      sum.run(rows.data(), kStride, weights, out);
      for (int i = 0; i < kStep; ++i) {
        std::int64_t expected = 1 << (kWeightBits - 1);
        for (int k = 0; k < taps; ++k) {
          expected += std::int64_t{weights[k]} * rows[k * kStride + i];
        }
        EXPECT_EQ(out[i], std::clamp<std::int64_t>(expected >> kWeightBits, 0, 255))
            << taps << ", " << i;
      }
    }
  }
}

TEST(resize, long_pictures_leave_the_band_in_time) {
  // Rows come one by one and columns all at once, so the picture on its side is held against it.
  const Image image = noise(5, 2000, 6);
  for (const int height : {1, 7, 250, 500, 4000}) {
    const Image resized = resize_bicubic(image, 5, height);
    const Image turned = [&] {
      Image columns{image.height, image.width, {}};
      columns.pixels.resize(image.pixels.size());
      for (int y = 0; y < image.height; ++y) {
        for (int i = 0; i < 3 * image.width; ++i) {
          columns.pixels[3 * (static_cast<std::size_t>(i / 3) * image.height + y) + i % 3] =
              image.pixels[3 * static_cast<std::size_t>(image.width) * y + i];
        }
      }
      return resize_bicubic(columns, height, image.width);
    }();
    for (int y = 0; y < height; ++y) {
      for (int i = 0; i < 15; ++i) {
        ASSERT_EQ(resized.pixels[15 * static_cast<std::size_t>(y) + i],
                  turned.pixels[3 * (static_cast<std::size_t>(i / 3) * height + y) + i % 3])
            << y << " of " << height;
      }
    }
  }
}

}  // namespace
}  // namespace saccade::media
