#include "photos/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/json.h"
#include "media/test_pictures.h"
#include "photos/photo_files.h"
#include "photos/picture_source.h"

namespace saccade::photos {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PhotoMetadata read(const std::vector<std::byte>& file) {
  return read_metadata(file, "a.jpg");
}

PhotoMetadata read_exif(const std::vector<std::pair<std::string, std::string>>& values) {
  return read(jpeg_with_exif(values));
}

constexpr const char* kTaken = "Exif.Photo.DateTimeOriginal";

TEST(MetadataTest, TellsWhatAFileWithoutMetadataIs) {
  const PhotoMetadata photo = read(jpeg_of(plain_picture(64, 48)));
  EXPECT_EQ(photo.format, "jpeg");
  EXPECT_EQ(photo.width, 64);
  EXPECT_EQ(photo.height, 48);
  EXPECT_EQ(photo.orientation, 1);
  EXPECT_EQ(photo.taken_at, "");
  EXPECT_EQ(photo.taken_seconds, std::nullopt);
  EXPECT_EQ(photo.camera, "");
  EXPECT_EQ(photo.latitude, std::nullopt);
  EXPECT_THAT(photo.warnings, IsEmpty());
}

TEST(MetadataTest, TurnsTheSizeUpright) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const PhotoMetadata photo =
        read_exif({{"Exif.Image.Orientation", std::to_string(orientation)}});
    EXPECT_EQ(photo.orientation, orientation);
    EXPECT_EQ(photo.width, orientation < 5 ? 64 : 48);
    EXPECT_EQ(photo.height, orientation < 5 ? 48 : 64);
  }
  EXPECT_EQ(read_exif({{"Exif.Image.Orientation", "9"}}).orientation, 1);
}

TEST(MetadataTest, KnowsTheSevenFormats) {
  const auto source = media::pixels_dir() / "source";
  const std::vector<std::pair<std::filesystem::path, std::string>> files = {
      {source / "gray.jpg", "jpeg"},
      {source / "rgb8.png", "png"},
      {source / "lossy.webp", "webp"},
      {source / "still.gif", "gif"},
      {source / "deflate.tif", "tiff"},
      {media::data_dir() / "plain.heic", "heic"},
      {media::data_dir() / "plain.avif", "avif"}};
  for (const auto& [path, format] : files) {
    const std::vector<std::byte> bytes = bytes_of(read_text_file(path));
    const PhotoMetadata photo = read_metadata(bytes, path.string());
    const media::Image pixels = media::decode_image(bytes, path.string());
    EXPECT_EQ(photo.format, format);
    EXPECT_EQ(photo.width, pixels.width) << path;
    EXPECT_EQ(photo.height, pixels.height) << path;
    EXPECT_TRUE(looks_like_picture(std::span(bytes).first(64))) << path;
  }
}

TEST(MetadataTest, TellsTheTimeWithItsZone) {
  const PhotoMetadata east =
      read_exif({{kTaken, "2024:05:01 12:00:00"}, {"Exif.Photo.OffsetTimeOriginal", "+02:00"}});
  EXPECT_EQ(east.taken_at, "2024-05-01T12:00:00+02:00");
  EXPECT_EQ(east.taken_seconds, 1714557600);
  const PhotoMetadata west =
      read_exif({{kTaken, "2024:05:01 12:00:00"}, {"Exif.Photo.OffsetTimeOriginal", "-03:30"}});
  EXPECT_EQ(west.taken_at, "2024-05-01T12:00:00-03:30");
  EXPECT_EQ(west.taken_seconds, 1714577400);
}

TEST(MetadataTest, LeavesTheZoneOpenWhereNothingTellsIt) {
  const PhotoMetadata photo = read_exif({{kTaken, "2024:05:01 12:00:00"}});
  EXPECT_EQ(photo.taken_at, "2024-05-01T12:00:00");
  EXPECT_EQ(photo.taken_seconds, 1714564800);
  EXPECT_THAT(photo.warnings, IsEmpty());
}

TEST(MetadataTest, FindsTheZoneByGpsTime) {
  const auto at = [](const char* gps) {
    return read_exif({{kTaken, "2024:05:01 12:00:00"},
                      {"Exif.GPSInfo.GPSDateStamp", "2024:05:01"},
                      {"Exif.GPSInfo.GPSTimeStamp", gps}})
        .taken_at;
  };
  EXPECT_EQ(at("10/1 0/1 0/1"), "2024-05-01T12:00:00+02:00");
  EXPECT_EQ(at("6/1 28/1 10/1"), "2024-05-01T12:00:00+05:30") << "a fix two minutes old";
  EXPECT_EQ(at("19/1 0/1 0/1"), "2024-05-01T12:00:00-07:00");
  EXPECT_EQ(at("10/1 8/1 0/1"), "2024-05-01T12:00:00") << "no zone is eight minutes off";
  EXPECT_EQ(at("10/1 45/1 0/1"), "2024-05-01T12:00:00") << "nobody's clock is at +01:15";
  EXPECT_EQ(at("10/0 0/0 0/0"), "2024-05-01T12:00:00");
}

TEST(MetadataTest, TakesGpsTimeWhereTheCameraHasNone) {
  const PhotoMetadata photo = read_exif({{"Exif.GPSInfo.GPSDateStamp", "2024:05:01"},
                                         {"Exif.GPSInfo.GPSTimeStamp", "10/1 30/1 15/1"}});
  EXPECT_EQ(photo.taken_at, "2024-05-01T10:30:15+00:00");
}

TEST(MetadataTest, ReadsXmpTimes) {
  Exiv2::ExifData exif;
  Exiv2::XmpData xmp;
  xmp["Xmp.xmp.CreateDate"] = "2024-05-01T12:00:00.25+09:00";
  const std::vector<std::byte> jpeg = jpeg_of(plain_picture(64, 48));
  EXPECT_EQ(read(with_metadata(jpeg, exif, xmp)).taken_at, "2024-05-01T12:00:00+09:00");
  exif[kTaken] = "2024:05:01 12:00:00";
  EXPECT_EQ(read(with_metadata(jpeg, exif, xmp)).taken_at, "2024-05-01T12:00:00+09:00");
  exif[kTaken] = "2024:05:01 12:00:01";
  EXPECT_EQ(read(with_metadata(jpeg, exif, xmp)).taken_at, "2024-05-01T12:00:01")
      << "another moment's zone is not this one's";
}

TEST(MetadataTest, WarnsOfClocksThatCannotBe) {
  for (const char* time : {"0000:00:00 00:00:00", "2024:13:01 12:00:00", "2023:02:29 12:00:00",
                           "2024:05:01 24:00:00", "yesterday, at noon!!"}) {
    const PhotoMetadata photo = read_exif({{kTaken, time}});
    EXPECT_EQ(photo.taken_at, "") << time;
    EXPECT_EQ(photo.taken_seconds, std::nullopt) << time;
    EXPECT_THAT(photo.warnings, ElementsAre(HasSubstr("is no date"))) << time;
  }
  const PhotoMetadata early = read_exif({{kTaken, "1801:01:01 00:00:00"}});
  EXPECT_EQ(early.taken_at, "");
  EXPECT_THAT(early.warnings, ElementsAre(HasSubstr("before photography")));
  const PhotoMetadata late = read_exif({{kTaken, "2999:01:01 00:00:00"}});
  EXPECT_EQ(late.taken_at, "");
  EXPECT_EQ(late.taken_seconds, std::nullopt);
  EXPECT_THAT(late.warnings, ElementsAre(HasSubstr("in the future")));
}

TEST(MetadataTest, TakesAClockThatWasNeverSetAsNone) {
  const PhotoMetadata photo = read_exif({{kTaken, "    :  :     :  :  "}});
  EXPECT_EQ(photo.taken_at, "");
  EXPECT_THAT(photo.warnings, IsEmpty());
}

TEST(MetadataTest, NamesCameraAndLens) {
  const PhotoMetadata photo = read_exif({{"Exif.Image.Make", "Apple"},
                                         {"Exif.Image.Model", "iPhone 15  "},
                                         {"Exif.Photo.LensModel", "back camera 6.8mm f/1.6"}});
  EXPECT_EQ(photo.camera, "Apple iPhone 15");
  EXPECT_EQ(photo.lens, "back camera 6.8mm f/1.6");
  EXPECT_EQ(read_exif({{"Exif.Image.Make", "NIKON CORPORATION"}, {"Exif.Image.Model", "Nikon D90"}})
                .camera,
            "Nikon D90");
  EXPECT_EQ(read_exif({{"Exif.Image.Make", "a\x01\nb\xff"}}).camera, "ab\xEF\xBF\xBD");
}

PhotoMetadata read_place(const char* latitude, const char* south, const char* longitude,
                         const char* west) {
  return read_exif({{"Exif.GPSInfo.GPSLatitude", latitude},
                    {"Exif.GPSInfo.GPSLatitudeRef", south},
                    {"Exif.GPSInfo.GPSLongitude", longitude},
                    {"Exif.GPSInfo.GPSLongitudeRef", west}});
}

TEST(MetadataTest, TellsThePlaceWithItsSigns) {
  const PhotoMetadata rio = read_place("22/1 57/1 744/100", "S", "43/1 12/1 3816/100", "W");
  EXPECT_NEAR(rio.latitude.value(), -22.952067, 1e-6);
  EXPECT_NEAR(rio.longitude.value(), -43.210600, 1e-6);
  const PhotoMetadata berlin = read_place("52/1 31/1 0/1", "N", "13/1 24/1 0/1", "E");
  EXPECT_NEAR(berlin.latitude.value(), 52.516667, 1e-6);
  EXPECT_NEAR(berlin.longitude.value(), 13.4, 1e-6);
  EXPECT_THAT(berlin.warnings, IsEmpty());
}

TEST(MetadataTest, WarnsOfPlacesThatAreNone) {
  for (const PhotoMetadata& photo : {read_place("91/1 0/1 0/1", "N", "13/1 0/1 0/1", "E"),
                                     read_place("52/1 0/1 0/1", "N", "181/1 0/1 0/1", "E"),
                                     read_place("0/1 0/1 0/1", "N", "0/1 0/1 0/1", "E"),
                                     read_place("52/0 0/0 0/0", "N", "13/1 0/1 0/1", "E"),
                                     read_exif({{"Exif.GPSInfo.GPSLatitude", "52/1 0/1 0/1"}})}) {
    EXPECT_EQ(photo.latitude, std::nullopt);
    EXPECT_EQ(photo.longitude, std::nullopt);
    EXPECT_THAT(photo.warnings, ElementsAre(HasSubstr("a place")));
  }
}

TEST(MetadataTest, TellsTheAltitude) {
  const auto at = [](const char* altitude, const char* reference) {
    return read_exif(
        {{"Exif.GPSInfo.GPSAltitude", altitude}, {"Exif.GPSInfo.GPSAltitudeRef", reference}});
  };
  EXPECT_DOUBLE_EQ(at("3776/1", "0").altitude_m.value(), 3776.0);
  EXPECT_DOUBLE_EQ(at("4301/10", "1").altitude_m.value(), -430.1);
  EXPECT_EQ(at("5/0", "0").altitude_m, std::nullopt);
  EXPECT_THAT(at("5/0", "0").warnings, ElementsAre(HasSubstr("an altitude")));
  EXPECT_THAT(at("4294967295/1", "0").warnings, ElementsAre(HasSubstr("an altitude")));
}

TEST(MetadataTest, ReadsRealPhotos) {
  const auto cmyk = shared_picture("pil_sample_cmyk.jpg");
  const auto gps = shared_picture("exif_gps.jpg");
  const auto broken = shared_picture("hopper_bad_exif.jpg");
  if (!cmyk || !gps || !broken) GTEST_SKIP() << "the shared pictures are not here";
  EXPECT_EQ(read(*cmyk).taken_at, "2009-03-06T22:15:00+01:00");
  EXPECT_THAT(read(*gps).warnings, testing::Contains(HasSubstr("2099-09-29")));
  EXPECT_EQ(read(*broken).width, 500);
}

TEST(MetadataTest, TellsTheSameOnManyThreads) {
  Exiv2::ExifData exif;
  exif[kTaken] = "2024:05:01 12:00:00";
  exif["Exif.Image.Model"] = "EOS";
  Exiv2::XmpData xmp;
  xmp["Xmp.xmp.CreateDate"] = "2024-05-01T12:00:00+09:00";
  const std::vector<std::byte> file = with_metadata(jpeg_of(plain_picture(16, 16)), exif, xmp);
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const PhotoMetadata photo = read(file);
        right += photo.camera == "EOS" && photo.taken_at == "2024-05-01T12:00:00+09:00";
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 400);
}

TEST(MetadataTest, RefusesWhatIsNoPicture) {
  const std::vector<std::byte> jpeg = jpeg_of(plain_picture(64, 48));
  for (const std::vector<std::byte>& file :
       {std::vector<std::byte>(), bytes_of("a letter to a friend"), bytes_of("\xff\xd8\xff\xe1"),
        bytes_of("II*"), bytes_of("FUJIFILMCCD-RAW 0201"),
        std::vector<std::byte>(jpeg.begin(), jpeg.begin() + 40)}) {
    const std::string error = media::error_of([&] { read(file); });
    EXPECT_THAT(error, testing::StartsWith("a.jpg: "));
  }
}

TEST(MetadataTest, TakesGarbageInExifAsAWarningAtMost) {
  std::vector<std::byte> jpeg = jpeg_with_exif({{"Exif.Image.Make", "Apple"}});
  for (std::size_t i = 14; i < 60; ++i) jpeg[i] = std::byte{0xa5};
  const PhotoMetadata photo = read(jpeg);
  EXPECT_EQ(photo.width, 64);
  EXPECT_EQ(photo.camera, "");
}

/// Every byte that a file's header or metadata has may be any other.
TEST(MetadataTest, OutlivesDamagedBytes) {
  Exiv2::ExifData exif;
  exif["Exif.Image.Make"] = "Canon";
  exif["Exif.Image.Model"] = "EOS";
  exif["Exif.Image.Orientation"] = std::uint16_t{6};
  exif[kTaken] = "2024:05:01 12:00:00";
  exif["Exif.GPSInfo.GPSLatitude"] = "52/1 31/1 0/1";
  exif["Exif.GPSInfo.GPSLongitude"] = "13/1 24/1 0/1";
  Exiv2::XmpData xmp;
  xmp["Xmp.xmp.CreateDate"] = "2024-05-01T12:00:00+09:00";
  const std::vector<std::byte> jpeg = with_metadata(jpeg_of(plain_picture(16, 16)), exif, xmp);
  const auto source = media::pixels_dir() / "source";
  std::mt19937 random(8);
  int readable = 0;
  for (const std::vector<std::byte>& whole :
       {jpeg, bytes_of(read_text_file(source / "orientation_8.tif")),
        bytes_of(read_text_file(source / "orientation_6.png")),
        bytes_of(read_text_file(source / "orientation_5.webp"))}) {
    for (int round = 0; round < 1000; ++round) {
      std::vector<std::byte> file = whole;
      for (int i = 0; i < 1 + round % 8; ++i) {
        file[random() % std::min<std::size_t>(file.size(), 3000)] =
            static_cast<std::byte>(random() & 0xff);
      }
      if (round % 10 == 0) file.resize(random() % file.size());
      try {
        readable += read(file).width > 0;
        encoded_picture(std::move(file), "a.jpg");
      } catch (const Error& error) {
        EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
      }
    }
  }
  EXPECT_GT(readable, 2000);
}

}  // namespace
}  // namespace saccade::photos
