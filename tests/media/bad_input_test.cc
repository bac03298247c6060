// Files that are not what they should be: one line of Error each, and never a crash.
#include <zlib.h>

#include <random>
#include <vector>

#include "test_pictures.h"

namespace saccade::media {
namespace {

std::string big(std::uint32_t value) {
  std::string text;
  for (int i = 3; i >= 0; --i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

std::string png_chunk(const std::string& name, const std::string& data) {
  const std::string body = name + data;
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
  return big(static_cast<std::uint32_t>(data.size())) + body + big(static_cast<std::uint32_t>(crc));
}

/// An 8-bit gray PNG whose header says width x height and whose data are `data`.
std::string png(std::uint32_t width, std::uint32_t height, const std::string& data) {
  std::string packed(compressBound(data.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(data.data()), data.size());
  packed.resize(size);
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", big(width) + big(height) + std::string("\x08\0\0\0\0", 5)) +
         png_chunk("IDAT", packed) + png_chunk("IEND", "");
}

std::string golden(const std::string& name) {
  return read_text_file(pixels_dir() / "source" / name);
}

std::string error_for(const std::string& file) {
  return error_of([&] { decode_image(as_bytes(file), "input"); });
}

struct Case {
  std::string name;
  std::string file;
  std::string message;  // a part of it
};

TEST(bad_input, is_one_line_of_error) {
  const std::string jpeg = golden("yuv420.jpg");
  const std::string webp = golden("lossy.webp");
  const std::string gif = golden("still.gif");
  const std::string tiff = golden("raw.tif");
  const std::string heic = read_text_file(data_dir() / "plain.heic");
  std::string bad_header = golden("rgb8.png");
  bad_header[20] ^= 1;
  const std::vector<Case> cases = {
      {"empty", "", "it is empty"},
      {"text", "hello, this is no picture", "begins with 68 65 6c 6c"},
      {"one byte", "\xff", "not a picture in a supported format"},
      {"svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "not a picture in a supported format"},
      {"pdf", "%PDF-1.4\n", "not a picture in a supported format"},
      {"bmp", "BM" + std::string(60, '\0'), "not a picture in a supported format"},
      {"video", std::string("\0\0\0\x18", 4) + "ftypisom" + std::string(12, '\0'),
       "not a picture in a supported format"},
      {"jpeg header only", jpeg.substr(0, 30), "JPEG"},
      {"jpeg cut in half", jpeg.substr(0, jpeg.size() / 2), "truncated JPEG file"},
      {"jpeg without its end", jpeg.substr(0, jpeg.size() - 2), "truncated JPEG file"},
      {"png cut in half", golden("rgb8.png").substr(0, golden("rgb8.png").size() / 2),
       "truncated PNG file"},
      {"png with a false header", bad_header, "wrong checksum in its IHDR chunk"},
      {"png of no size", png(0, 5, "x"), "size of 0 x 5"},
      {"png with few pixels", png(5, 5, std::string(12, '\0')), "truncated PNG file"},
      {"webp cut in half", webp.substr(0, webp.size() / 2), "truncated WebP file"},
      {"webp of nothing", std::string("RIFF\4\0\0\0WEBP", 12), "holds no picture"},
      {"gif cut in half", gif.substr(0, gif.size() / 2), "GIF"},
      {"gif of nothing", gif.substr(0, 13) + ";", "GIF"},
      {"tiff cut in half", tiff.substr(0, tiff.size() / 2), "TIFF"},
      {"tiff of nothing", std::string("II*\0\x08\0\0\0", 8), "directory of tags"},
      {"heic cut in half", heic.substr(0, heic.size() / 2), "HEIC or AVIF file"},
      {"heic of nothing", std::string("\0\0\0\x18", 4) + "ftypheic" + std::string(12, '\0'),
       "HEIC or AVIF file"},
      {"decompression bomb", png(20'000, 20'000, ""), "20000 x 20000 pixels is over the limit"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.name);
    const std::string message = error_for(bad.file);
    EXPECT_TRUE(message.starts_with("input: ")) << message;
    EXPECT_NE(message.find(bad.message), message.npos) << message;
  }
}

TEST(bad_input, pixel_limit_is_the_callers) {
  const std::string file = golden("rgb8.png");
  const Image image = decode_image(as_bytes(file), "input");
  const std::int64_t pixels = static_cast<std::int64_t>(image.width) * image.height;
  EXPECT_NO_THROW(decode_image(as_bytes(file), "input", {.max_pixels = pixels}));
  EXPECT_THROW(decode_image(as_bytes(file), "input", {.max_pixels = pixels - 1}), Error);
}

/// The limit must be known before pixels are made: each of these would need gigabytes.
TEST(bad_input, bombs_are_refused_from_their_header) {
  std::string gif = golden("still.gif");
  gif.replace(6, 4, "\xff\xff\xff\xff");
  std::string webp("RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0VP8L\x05\0\0\0",
                   38);
  webp += std::string("\x2f\xfe\xbf\xff\x0f\0", 6);
  for (const std::string& file : {gif, webp}) {
    EXPECT_NE(error_for(file).find("over the limit"), std::string::npos);
  }
}

/// A file cut anywhere is refused, or, where only its end is missing, decoded to the same pixels.
TEST(bad_input, every_prefix_is_refused_or_complete) {
  for (const char* name : {"gray.jpg", "palette4.png", "lossy.webp", "still.gif",
                           "packbits_gray.tif", "bilevel_group4.tif"}) {
    SCOPED_TRACE(name);
    const std::string file = golden(name);
    const Image whole = decode_image(as_bytes(file), name);
    int accepted = 0;
    for (std::size_t size = 0; size < file.size(); ++size) {
      try {
        const Image image = decode_image(as_bytes(file.substr(0, size)), name);
        EXPECT_EQ(max_difference(image, whole), 0) << size << " of " << file.size() << " bytes";
        ++accepted;
      } catch (const Error&) {
      }
    }
    EXPECT_LE(accepted, 40);
  }
}

TEST(bad_input, damaged_bytes_never_crash) {
  std::mt19937 random(7);
  for (const char* name : {"gray.jpg", "cmyk.jpg", "palette4.png", "rgba16.png", "lossy_alpha.webp",
                           "still.gif", "lzw.tif", "rgba.tif"}) {
    const std::string file = golden(name);
    for (int round = 0; round < 150; ++round) {
      std::string damaged = file;
      for (int i = 0; i < 1 + round % 8; ++i) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      try {
        decode_image(as_bytes(damaged), name, {.max_pixels = 1'000'000});
      } catch (const Error& error) {
        EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
      }
    }
  }
}

TEST(bad_input, damaged_exif_is_ignored) {
  const std::string file = golden("orientation_6.jpg");
  const Image upright = decode_image(as_bytes(file), "a.jpg");
  const std::size_t exif = file.find("Exif");
  ASSERT_NE(exif, file.npos);
  // An impossible byte order mark: no orientation can be read, and none is applied.
  std::string damaged = file;
  damaged.replace(exif + 6, 2, "XX");
  const Image image = decode_image(as_bytes(damaged), "a.jpg");
  EXPECT_EQ(image.width, upright.height);
  EXPECT_EQ(image.height, upright.width);
}

}  // namespace
}  // namespace saccade::media
