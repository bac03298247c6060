// `saccade photos` with what people's folders hold: copies, moved and lost files, what is no
// picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/json.h"
#include "cli/process.h"
#include "patience.h"
#include "photos/library.h"
#include "photos/made_library.h"
#include "photos/started_program.h"
#include "temporary_directory.h"

namespace saccade::photos {
namespace {

namespace fs = std::filesystem;
using cli::Outcome;
using cli::run_program;
using testing::HasSubstr;

constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(60));

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() { make_library(photos(), 2, 3, {.width = 160, .height = 120, .burst_share = 0.0}); }

  fs::path photos() const { return folder_.path() / "pictures"; }
  std::string library() const { return folder_.file("library"); }
  Outcome add() const { return run_program({"photos", "add", library(), photos().string()}); }
  std::int64_t count(const std::string& query) const {
    const Library library(this->library());
    return library.database().read(
        [&](Connection& connection) { return query_integer(connection, query); });
  }
  /// Waits until another program has brought the library there.
  void eventually(const std::string& query, std::int64_t wanted) const {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    std::int64_t found = -1;
    while (found != wanted && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (fs::exists(fs::path(library()) / "photos.db")) found = count(query);
    }
    EXPECT_EQ(found, wanted) << query;
  }
  void write(const std::string& name, std::string_view bytes) const {
    folder_.write("pictures/" + name, bytes);
  }

  TemporaryDirectory folder_;
};

TEST_F(ProgramTest, AFileUnderTwoNamesIsOnePhoto) {
  EXPECT_EQ(add().status, 0);
  fs::copy_file(photos() / "IMG_00001.jpg", photos() / "copy.jpg");
  EXPECT_EQ(add().status, 0);
  EXPECT_EQ(add().status, 0);
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM files"), 3);
  EXPECT_EQ(count("SELECT COUNT(*) FROM files WHERE photo_id = (SELECT photo_id FROM files WHERE "
                  "path LIKE '%copy.jpg')"),
            2);
}

TEST_F(ProgramTest, AMovedFileIsTheSamePhoto) {
  add();
  fs::create_directory(photos() / "summer");
  fs::rename(photos() / "IMG_00001.jpg", photos() / "summer" / "beach.jpg");
  EXPECT_EQ(add().status, 0);
  const Outcome verified = run_program({"photos", "verify", library()});
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.out, HasSubstr("missing: " + (photos() / "IMG_00001.jpg").string()));
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos WHERE NOT EXISTS (SELECT 1 FROM files WHERE "
                  "photo_id = id AND missing_since IS NULL)"),
            0);
}

TEST_F(ProgramTest, ADeletedFileIsMissingAndComesBack) {
  add();
  const fs::path photo = photos() / "IMG_00002.jpg";
  fs::rename(photo, folder_.path() / "aside");
  EXPECT_EQ(run_program({"photos", "verify", library()}).status, 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM files WHERE missing_since IS NOT NULL"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos"), 2);
  fs::rename(folder_.path() / "aside", photo);
  EXPECT_EQ(run_program({"photos", "verify", library()}).status, 0);
  EXPECT_EQ(count("SELECT COUNT(*) FROM files WHERE missing_since IS NOT NULL"), 0);
}

TEST_F(ProgramTest, WhatIsDeletedWhileItIsWatchedIsMissing) {
  StartedProgram watching({"photos", "add", library(), photos().string(), "--watch"});
  eventually("SELECT COUNT(*) FROM photos", 2);
  fs::remove(photos() / "IMG_00002.jpg");
  eventually("SELECT COUNT(*) FROM files WHERE missing_since IS NOT NULL", 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM files WHERE missing_since IS NOT NULL AND path LIKE "
                  "'%IMG_00002.jpg'"),
            1);
  fs::copy_file(photos() / "IMG_00001.jpg", photos() / "IMG_00003.jpg");
  eventually("SELECT COUNT(*) FROM files", 3);
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos"), 2);
}

TEST_F(ProgramTest, AChangedFileIsFound) {
  add();
  write("IMG_00002.jpg", "something else");
  const Outcome verified = run_program({"photos", "verify", library()});
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.out, HasSubstr("changed: "));
}

TEST_F(ProgramTest, WhatIsNoPictureStopsNothing) {
  const std::string whole = read_text_file(photos() / "IMG_00001.jpg");
  write("notes.txt", "no picture");
  write("empty.jpg", "");
  write("truncated.jpg", whole.substr(0, 300));
  const Outcome added = add();
  EXPECT_EQ(added.status, 0) << added.err;
  EXPECT_THAT(added.err, HasSubstr("truncated.jpg"));
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos WHERE width IS NOT NULL"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE state = 'set_aside' AND tier = 'import'"), 1);
  // One that is named, and not just found, is an error if it is no picture.
  const Outcome named =
      run_program({"photos", "add", library(), (photos() / "notes.txt").string()});
  EXPECT_EQ(named.status, 1);
  EXPECT_THAT(named.err, HasSubstr("it is no picture that Saccade reads"));
}

TEST_F(ProgramTest, ATruncatedFileThatIsCompletedIsAPhoto) {
  const std::string whole = read_text_file(photos() / "IMG_00001.jpg");
  write("IMG_00001.jpg", whole.substr(0, 300));
  add();
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos WHERE width IS NOT NULL"), 1);
  write("IMG_00001.jpg", whole);
  EXPECT_EQ(add().status, 0);
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos WHERE width IS NOT NULL"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM photos"), 2);
}

TEST_F(ProgramTest, BenchMeasuresALibraryThatItMakes) {
  const std::string page = folder_.file("report.html");
  const Outcome measured =
      run_program({"photos", "bench", "--photos", "4", "--size", "320x240", "--seed", "3",
                   "--folder", folder_.file("bench"), "--json", "--html", page});
  ASSERT_EQ(measured.status, 0) << measured.err;
  const auto report = parse_json(measured.out, "the report").as_object();
  EXPECT_EQ(report.at("photos").to_number<int>(), 4);
  EXPECT_EQ(report.at("set_aside").to_number<int>(), 0) << measured.out;
  // The first one has the models loaded, the others come one by one; nothing is left to come.
  const auto& arrivals = report.at("arrivals").as_array();
  ASSERT_EQ(arrivals.size(), 4U);
  for (const char* name : {"visible", "vision", "small"}) {
    const auto found = std::ranges::find_if(
        arrivals, [&](const auto& arrival) { return arrival.at("name").as_string() == name; });
    ASSERT_NE(found, arrivals.end()) << name;
    EXPECT_EQ(found->at("photos").to_number<int>(), 3) << name;
    EXPECT_GT(found->at("p50_ms").to_number<double>(), 0.0) << name;
  }
  EXPECT_EQ(report.at("rest").at("photos").to_number<int>(), 0);
  EXPECT_GT(report.at("memory").at("peak_bytes").to_number<double>(),
            report.at("memory").at("weight_bytes").to_number<double>());
  const std::string html = read_text_file(page);
  EXPECT_THAT(html, HasSubstr("4 photos of 320x240"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, HasSubstr("memory besides the models"));
  // What it made stays, and is not measured into again.
  EXPECT_TRUE(fs::exists(folder_.path() / "bench" / "library" / "photos.db"));
  cli::expect_refused(run_program({"photos", "bench", "--folder", folder_.file("bench")}), 1,
                      "the folder must be empty");
}

TEST_F(ProgramTest, OneAtATimeWorks) {
  add();
  const Library library(this->library());
  const auto lock = WorkLock::take(library);
  ASSERT_TRUE(lock);
  cli::expect_refused(run_program({"photos", "work", this->library(), "--until-idle"}), 1,
                      "another saccade is working on this library");
}

}  // namespace
}  // namespace saccade::photos
