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

TEST(weighted_sum, equals_plain_arithmetic) {
  std::mt19937 random(5);
  for (int taps = 1; taps <= 9; ++taps) {
    std::vector<std::uint8_t> rows(static_cast<std::size_t>(taps) * 20 + kLanes);
    for (std::uint8_t& sample : rows) sample = static_cast<std::uint8_t>(random());
    std::vector<std::int32_t> weights;
    std::vector<WeightPair> pairs((taps + 1) / 2);
    for (int k = 0; k < taps; ++k) {
      weights.push_back(static_cast<std::int32_t>(random() % (1 << 20)) - (1 << 18));
      pairs[k / 2].low[k % 2] = static_cast<std::int16_t>(weights[k] & 0x7fff);
      pairs[k / 2].high[k % 2] = static_cast<std::int16_t>(weights[k] >> 15);
    }
    std::uint8_t out[kLanes];
    weighted_sum(rows.data(), 20, pairs, taps, out);
    for (int i = 0; i < kLanes; ++i) {
      std::int64_t sum = 1 << (kWeightBits - 1);
      for (int k = 0; k < taps; ++k) sum += std::int64_t{weights[k]} * rows[k * 20 + i];
      EXPECT_EQ(out[i], std::clamp<std::int64_t>(sum >> kWeightBits, 0, 255)) << taps << ", " << i;
    }
  }
}

}  // namespace
}  // namespace saccade::media
