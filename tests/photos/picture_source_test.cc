#include "photos/picture_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "media/container.h"
#include "media/picture.h"
#include "media/test_pictures.h"
#include "photos/metadata.h"
#include "photos/photo_files.h"

namespace saccade::photos {
namespace {

struct Tag {
  int number;
  int type;  // 1: BYTE, 3: SHORT, 4: LONG
  std::uint64_t count;
  std::uint64_t value;
};

void write_directory(media::FileWriter& file, const std::vector<Tag>& tags) {
  file.little(tags.size(), 2);
  for (const Tag& tag : tags) {
    file.little(static_cast<unsigned>(tag.number), 2).little(static_cast<unsigned>(tag.type), 2);
    file.little(tag.count, 4).little(tag.value, 4);
  }
  file.little(0, 4);
}

/// A camera's raw file as far as anybody here reads it: a directory with the preview, and one below
/// it that says what the sensor's data are. `dng` names the format; without, the data tell.
std::vector<std::byte> raw_file(const std::vector<std::byte>& preview, int orientation, bool dng,
                                int preview_width, int preview_height) {
  constexpr int kFirst = 8, kEntry = 12;
  std::vector<Tag> tags = {{254, 4, 1, 1},
                           {256, 4, 1, static_cast<std::uint64_t>(preview_width)},
                           {257, 4, 1, static_cast<std::uint64_t>(preview_height)},
                           {259, 3, 1, 6},
                           {262, 3, 1, 6},
                           {274, 3, 1, static_cast<std::uint64_t>(orientation)},
                           {330, 4, 1, 0},
                           {513, 4, 1, 0},
                           {514, 4, 1, preview.size()}};
  if (dng) tags.push_back({50706, 1, 4, 0x0401});
  const std::uint64_t second = kFirst + 2 + kEntry * tags.size() + 4;
  const std::vector<Tag> sensor = {
      {254, 4, 1, 0}, {256, 4, 1, 6000}, {257, 4, 1, 4000}, {258, 3, 1, 14}, {262, 3, 1, 32803}};
  tags[6].value = second;
  tags[7].value = second + 2 + kEntry * sensor.size() + 4;
  media::FileWriter file;
  file.text("II").little(42, 2).little(kFirst, 4);
  write_directory(file, tags);
  write_directory(file, sensor);
  file.bytes(media::ByteView(preview));
  return file.take();
}

/// Wider than high, its left half red and its right half blue.
std::vector<std::byte> two_halves() {
  cv::Mat picture = plain_picture(160, 96, {220, 30, 30});
  picture(cv::Rect(80, 0, 80, 96)) = cv::Scalar(30, 30, 220);
  return jpeg_of(picture);
}

TEST(PictureSourceTest, GivesTheSevenFormatsAsTheyAre) {
  const auto source = media::pixels_dir() / "source";
  for (const char* name : {"gray.jpg", "rgb8.png", "lossy.webp", "still.gif", "deflate.tif"}) {
    const std::vector<std::byte> file = bytes_of(read_text_file(source / name));
    EXPECT_EQ(encoded_picture(file, name), file) << name;
  }
}

TEST(PictureSourceTest, GivesTheUprightPreviewOfARawFile) {
  for (const bool dng : {true, false}) {
    const std::vector<std::byte> raw = raw_file(two_halves(), 6, dng, 160, 96);
    EXPECT_TRUE(looks_like_picture(std::span(raw).first(64)));
    const std::vector<std::byte> picture = encoded_picture(raw, "a.dng");
    const media::Image pixels = media::decode_image(picture, "a.dng");
    ASSERT_EQ(pixels.width, 96);
    ASSERT_EQ(pixels.height, 160);
    // Orientation 6: the stored left side is the top.
    EXPECT_GT(pixels.pixels[0], 180) << "red is above";
    EXPECT_GT(pixels.pixels[pixels.pixels.size() - 1], 180) << "blue is below";
    const PhotoMetadata photo = read_metadata(raw, "a.dng");
    EXPECT_EQ(photo.format, dng ? "dng" : "raw");
    EXPECT_EQ(photo.orientation, 6);
    EXPECT_LT(photo.width, photo.height);
  }
}

TEST(PictureSourceTest, SaysThatARawFileHasNoPreview) {
  const std::vector<std::byte> raw = raw_file(bytes_of("no JPEG file at all"), 1, true, 160, 96);
  EXPECT_THAT(media::error_of([&] { encoded_picture(raw, "a.dng"); }),
              testing::StartsWith("a.dng: a dng file without a JPEG preview"));
}

TEST(PictureSourceTest, OutlivesDamagedRawFiles) {
  const std::vector<std::byte> whole = raw_file(two_halves(), 6, true, 160, 96);
  std::mt19937 random(3);
  int shown = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> raw = whole;
    for (int i = 0; i < 1 + round % 4; ++i) {
      raw[random() % 220] = static_cast<std::byte>(random() & 0xff);
    }
    if (round % 10 == 0) raw.resize(random() % raw.size());
    try {
      read_metadata(raw, "a.dng");
      shown += !encoded_picture(std::move(raw), "a.dng").empty();
    } catch (const Error& error) {
      EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
    }
  }
  EXPECT_GT(shown, 500);
}

TEST(PictureSourceTest, KnowsRawFilesByTheirFirstBytes) {
  using namespace std::string_view_literals;
  for (const std::string_view head :
       {"FUJIFILMCCD-RAW 0201"sv,
        "\0\0\0\x18"
        "ftypcrx "sv,
        "IIRO\x08\0\0\0"sv, "IIU\0\x18\0"sv, "\0MRM"sv, "II*\0\x10\0\0\0CR\x02\0"sv}) {
    EXPECT_TRUE(looks_like_picture(bytes_of(head)));
  }
  for (const std::string_view head : {""sv, "I"sv, "%PDF-1.7"sv,
                                      "\0\0\0\x18"
                                      "ftypmp42"sv,
                                      "BM"sv}) {
    EXPECT_FALSE(looks_like_picture(bytes_of(head)));
  }
}

TEST(PictureSourceTest, RefusesWhatIsNoPicture) {
  for (const std::string_view text : {"", "a letter", "FUJIFILMCCD-RAW 0201"}) {
    EXPECT_THAT(media::error_of([&] { encoded_picture(bytes_of(text), "a.jpg"); }),
                testing::StartsWith("a.jpg: "));
  }
}

}  // namespace
}  // namespace saccade::photos
