#include "photos/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <exiv2/exiv2.hpp>
#include <fstream>
#include <sstream>

#include "photos/answers.h"
#include "photos/edits.h"
#include "photos/test_library.h"
#include "photos/xmp_sidecar.h"

namespace saccade::photos {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class ExporterTest : public testing::Test {
 protected:
  ExporterTest() : photo_(test_.add_photo(1, 0)), file_(test_.folder.path() / "a, \"b\".jpg") {
    std::ofstream(file_) << "a photo";
    test_.library.database().write([&](Connection& connection) {
      execute(connection,
              "INSERT INTO files (path, photo_id, bytes, modified_ns) VALUES (?1, ?2, 7, 0)",
              file_.string(), photo_);
      execute(connection,
              "UPDATE photos SET latitude = -33.85, longitude = 151.2, name = 'a, \"b\".jpg'");
      store_answer(connection,
                   {.photo = photo_,
                    .tier = "small",
                    .model = "m",
                    .prompt = "p",
                    .document = R"({"entities": ["=dog", "cat & <co>"], "mood": "calm"})"},
                   1);
      const std::int64_t cat =
          query_integer(connection, "SELECT id FROM tags WHERE value LIKE 'cat%'");
      apply_edit(connection, {.kind = Edit::Kind::kAccept, .photo = photo_, .tags = {cat}}, 2);
      const std::int64_t calm =
          query_integer(connection, "SELECT id FROM tags WHERE value = 'calm'");
      apply_edit(connection, {.kind = Edit::Kind::kReject, .photo = photo_, .tags = {calm}}, 2);
    });
  }
  std::string text(const ExportOptions& options) {
    std::string all;
    export_library(test_.library, options, [&](std::string_view piece) { all += piece; });
    return all;
  }

  TestLibrary test_;
  const std::int64_t photo_;
  const std::filesystem::path file_;
};

TEST_F(ExporterTest, LeavesPlacesOutUnlessAsked) {
  EXPECT_THAT(text({}), Not(HasSubstr("itude")));
  const auto line = boost::json::parse(text({.gps = true}));
  EXPECT_EQ(line.at("latitude").to_number<double>(), -33.85);
  EXPECT_EQ(line.at("longitude").to_number<double>(), 151.2);
  EXPECT_THAT(text({.format = ExportFormat::kCsv}), Not(HasSubstr("151.2")));
  EXPECT_THAT(text({.format = ExportFormat::kCsv, .gps = true}), HasSubstr("-33.85,151.2,"));
}

TEST_F(ExporterTest, LeavesOutWhatWasRejectedAndOnRequestWhatNobodyAccepted) {
  const auto line = boost::json::parse(text({}));
  EXPECT_EQ(line.at("tags").as_array().size(), 2U);
  const auto accepted = boost::json::parse(text({.only_accepted = true}));
  ASSERT_EQ(accepted.at("tags").as_array().size(), 1U);
  EXPECT_EQ(accepted.at("tags").at(0).at("value").as_string(), "cat & <co>");
}

TEST_F(ExporterTest, CsvIsQuotedAndHoldsNoFormulas) {
  const std::string csv = text({.format = ExportFormat::kCsv});
  EXPECT_THAT(csv, HasSubstr("\"a, \"\"b\"\".jpg\""));
  EXPECT_THAT(csv, HasSubstr(",'=dog,"));
}

TEST_F(ExporterTest, SidecarsAreReadByOthersAndSpareTheirs) {
  const std::string path = file_.string() + ".xmp";
  EXPECT_EQ(text({.format = ExportFormat::kXmp, .gps = true}), path + "\n");
  Exiv2::XmpData data;
  ASSERT_EQ(Exiv2::XmpParser::decode(data, read_file(path)), 0);
  EXPECT_EQ(data["Xmp.dc.subject"].toString(0), "=dog");
  EXPECT_EQ(data["Xmp.dc.subject"].toString(1), "cat & <co>");
  EXPECT_EQ(data["Xmp.exif.GPSLatitude"].toString(), "33,51.000000S");
  // Ours is renewed, another program's is not.
  EXPECT_EQ(text({.format = ExportFormat::kXmp}), path + "\n");
  EXPECT_THAT(read_file(path), Not(HasSubstr("GPSLatitude")));
  std::ofstream(path) << "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";
  EXPECT_EQ(text({.format = ExportFormat::kXmp}), "");
  EXPECT_EQ(text({.format = ExportFormat::kXmp, .overwrite = true}), path + "\n");
}

}  // namespace
}  // namespace saccade::photos
