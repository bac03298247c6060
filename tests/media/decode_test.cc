// Decoded pixels, held against Pillow's.
#include <zlib.h>

#include <array>
#include <cstring>
#include <thread>
#include <vector>

#include "test_pictures.h"

namespace saccade::media {
namespace {

using Rgb = std::array<int, 3>;

Rgb pixel(const Image& image, int x, int y) {
  const std::uint8_t* p = &image.pixels[3 * (static_cast<std::size_t>(y) * image.width + x)];
  return {p[0], p[1], p[2]};
}

std::uint32_t checksum(const Image& image) {
  return static_cast<std::uint32_t>(crc32_z(0, image.pixels.data(), image.pixels.size()));
}

TEST(decode, equals_pillow_on_goldens) {
  const auto goldens = read_json_file(pixels_dir() / "decode.json");
  int files = 0;
  for (const auto& value : goldens.at("entries").as_array()) {
    const JsonObject golden(value, "decode.json");
    SCOPED_TRACE(golden.string("file"));
    const Image image = decode_file(pixels_dir() / golden.string("file"));
    EXPECT_EQ(image.width, golden.integer("width"));
    EXPECT_EQ(image.height, golden.integer("height"));
    const Image expected = decode_file(pixels_dir() / golden.string("expected"));
    // Lossy formats may round differently from one version of their library to the next.
    EXPECT_LE(max_difference(image, expected), golden.boolean("exact") ? 0 : 1);
    ++files;
  }
  EXPECT_GT(files, 50);
}

TEST(decode, equals_pillow_on_shared_pictures) {
  const auto folder = source_dir().parent_path() / "shared/data/images";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const auto list = read_json_file(pixels_dir() / "shared_images.json");
  for (const auto& value : list.as_array()) {
    const JsonObject golden(value, "shared_images.json");
    const auto path = folder / golden.string("file");
    SCOPED_TRACE(path.filename().string());
    if (golden.has("error")) {
      const std::string message = error_of([&] { decode_file(path); });
      EXPECT_TRUE(message.starts_with(path.filename().string() + ": ")) << message;
      continue;
    }
    const Image image = decode_file(path);
    EXPECT_EQ(image.width, golden.integer("width"));
    EXPECT_EQ(image.height, golden.integer("height"));
    EXPECT_EQ(checksum(image), golden.integer("crc32"));
  }
}

/// The picture that the files in data/ show, before compression.
Image test_card() {
  Image card{96, 64, {}};
  for (int y = 0; y < card.height; ++y) {
    for (int x = 0; x < card.width; ++x) {
      Rgb color = {2 * x, 3 * y, x + y};
      if (x >= 6 && x < 20 && y >= 4 && y < 12) color = {250, 30, 20};
      if (x >= 30 && x < 34 && y >= 20 && y < 30) color = {10, 20, 240};
      for (const int c : color) card.pixels.push_back(static_cast<std::uint8_t>(c));
    }
  }
  return card;
}

class HeifDecode : public testing::TestWithParam<const char*> {};

TEST_P(HeifDecode, shows_the_picture) {
  const Image image = decode_file(data_dir() / (std::string("plain.") + GetParam()));
  EXPECT_LE(max_difference(image, test_card()), 6);
}

TEST_P(HeifDecode, applies_rotation_and_mirroring_once) {
  const auto decode = [](const std::string& name) {
    return decode_file(data_dir() / (name + "." + GetParam()));
  };
  const Image plain = decode("plain");
  const Image rotated = decode("irot1");
  ASSERT_EQ(rotated.width, plain.height);
  ASSERT_EQ(rotated.height, plain.width);
  const Image upside_down = decode("imir0");
  const Image mirrored = decode("imir1");
  for (int y = 0; y < plain.height; ++y) {
    for (int x = 0; x < plain.width; ++x) {
      const Rgb expected = pixel(plain, x, y);
      ASSERT_EQ(pixel(rotated, y, plain.width - 1 - x), expected);
      ASSERT_EQ(pixel(upside_down, x, plain.height - 1 - y), expected);
      ASSERT_EQ(pixel(mirrored, plain.width - 1 - x, y), expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(formats, HeifDecode, testing::Values("heic", "avif"),
                         [](const auto& parameter) { return std::string(parameter.param); });

/// A GIF of one 2 x 1 frame at (1, 1) on a 4 x 3 screen: colours 1 and 2 of a four-colour palette,
/// of which colour `transparent` is (none when negative).
std::string small_gif(int transparent) {
  std::string gif("GIF89a\4\0\3\0\x81\0\0", 13);
  gif += std::string("\x0a\x0b\x0c\x14\x15\x16\x1e\x1f\x20\x28\x29\x2a", 12);
  if (transparent >= 0) {
    gif += std::string("\x21\xf9\4\1\0\0", 6) + static_cast<char>(transparent) + '\0';
  }
  gif += std::string("\x2c\1\0\1\0\2\0\1\0\0", 10);
  // Codes of 3 bits: clear (4), 1, 2, end (5).
  gif += std::string("\2\2\x8c\x0a\0\x3b", 6);
  return gif;
}

TEST(decode, gif_frame_on_a_larger_screen) {
  const Image image = decode_image(as_bytes(small_gif(-1)), "a.gif");
  ASSERT_EQ(image.width, 4);
  ASSERT_EQ(image.height, 3);
  EXPECT_EQ(pixel(image, 0, 0), (Rgb{10, 11, 12}));  // colour 0 around the frame
  EXPECT_EQ(pixel(image, 1, 1), (Rgb{20, 21, 22}));
  EXPECT_EQ(pixel(image, 2, 1), (Rgb{30, 31, 32}));
  EXPECT_EQ(pixel(image, 3, 1), (Rgb{10, 11, 12}));
}

TEST(decode, gif_transparency_shows_its_colour) {
  const Image image = decode_image(as_bytes(small_gif(2)), "a.gif");
  EXPECT_EQ(pixel(image, 0, 0), (Rgb{30, 31, 32}));  // the transparent colour around the frame
  EXPECT_EQ(pixel(image, 1, 1), (Rgb{20, 21, 22}));
  EXPECT_EQ(pixel(image, 2, 1), (Rgb{30, 31, 32}));
}

std::string little(std::uint32_t value, int width) {
  std::string text;
  for (int i = 0; i < width; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

/// An uncompressed little-endian TIFF of one row, with the given samples.
std::string small_tiff(int width, int photometric, int bits, int sample_format,
                       const std::string& samples, int channels = 1) {
  struct Tag {
    int number, type;
    std::uint32_t value;
  };
  const std::uint32_t data = 8 + 2 + 10 * 12 + 4;
  const std::array<Tag, 10> tags = {{{256, 3, std::uint32_t(width)},
                                     {257, 3, 1},
                                     {258, 3, std::uint32_t(bits)},
                                     {259, 3, 1},
                                     {262, 3, std::uint32_t(photometric)},
                                     {273, 4, data},
                                     {277, 3, std::uint32_t(channels)},
                                     {278, 3, 1},
                                     {279, 4, std::uint32_t(samples.size())},
                                     {339, 3, std::uint32_t(sample_format)}}};
  std::string tiff = "II*" + std::string(1, '\0') + little(8, 4) + little(10, 2);
  for (const Tag& tag : tags) {
    tiff += little(tag.number, 2) + little(tag.type, 2) + little(1, 4) + little(tag.value, 4);
  }
  return tiff + little(0, 4) + samples;
}

template <typename T>
std::string raw(std::initializer_list<T> values) {
  std::string text(values.size() * sizeof(T), '\0');
  std::memcpy(text.data(), std::data(values), text.size());
  return text;
}

std::vector<int> reds(const std::string& file) {
  const Image image = decode_image(as_bytes(file), "a.tif");
  std::vector<int> values;
  for (int x = 0; x < image.width; ++x) values.push_back(pixel(image, x, 0)[0]);
  return values;
}

TEST(decode, wide_gray_is_clipped_as_pillow_does) {
  EXPECT_EQ(reds(small_tiff(4, 1, 16, 1, raw<std::uint16_t>({0, 7, 255, 60000}))),
            (std::vector{0, 7, 255, 255}));
  // Pillow does not invert 16-bit samples where white is zero, though it does 8-bit ones.
  EXPECT_EQ(reds(small_tiff(3, 0, 16, 1, raw<std::uint16_t>({0, 7, 300}))),
            (std::vector{0, 7, 255}));
  EXPECT_EQ(reds(small_tiff(3, 0, 8, 1, raw<std::uint8_t>({0, 7, 255}))),
            (std::vector{255, 248, 0}));
  EXPECT_EQ(reds(small_tiff(4, 1, 16, 2, raw<std::int16_t>({-9, 0, 200, 999}))),
            (std::vector{0, 0, 200, 255}));
  EXPECT_EQ(reds(small_tiff(4, 1, 32, 2, raw<std::int32_t>({-9, 1, 254, 70000}))),
            (std::vector{0, 1, 254, 255}));
  EXPECT_EQ(reds(small_tiff(5, 1, 32, 3, raw<float>({-1.5f, 0.9f, 1.9f, 254.99f, 1e9f}))),
            (std::vector{0, 0, 1, 254, 255}));
}

TEST(decode, several_threads_at_once) {
  const std::vector<std::string> names = {"yuv420.jpg", "rgba16_interlaced.png", "lossy_alpha.webp",
                                          "lzw.tif"};
  std::vector<std::string> files;
  std::vector<Image> expected;
  for (const std::string& name : names) {
    files.push_back(read_text_file(pixels_dir() / "source" / name));
    expected.push_back(decode_image(as_bytes(files.back()), name));
  }
  std::vector<std::thread> threads;
  std::array<int, 4> differences{};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const std::size_t which = static_cast<std::size_t>(t + i) % files.size();
        const Image image = decode_image(as_bytes(files[which]), names[which]);
        differences[t] = std::max(differences[t], max_difference(image, expected[which]));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differences, (std::array<int, 4>{}));
}

}  // namespace
}  // namespace saccade::media
