// What the database counts as it changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "photos/answers.h"
#include "photos/progress.h"
#include "photos/tag_counts.h"
#include "photos/test_library.h"

namespace saccade::photos {

bool operator==(const ValueCount& a, const ValueCount& b) {
  return std::tie(a.field, a.value, a.photos) == std::tie(b.field, b.value, b.photos);
}
void PrintTo(const ValueCount& count, std::ostream* out) {
  *out << count.field << " " << count.value << " " << count.photos;
}

namespace {

using testing::ElementsAre;

void say(TestLibrary& test, std::int64_t photo, const std::string& document) {
  test.library.database().write([&](Connection& connection) {
    store_answer(
        connection,
        {.photo = photo, .tier = "small", .model = "m", .prompt = "p", .document = document}, 1);
  });
}

TEST(CountsTest, FrequentValuesComeFirst) {
  TestLibrary test;
  for (const char* document :
       {R"({"entities": ["Dog", "cat"], "mood": "calm"})", R"({"entities": ["dog"]})",
        R"({"entities": ["dog", "a sentence of more than forty characters is no value"]})"}) {
    say(test, test.add_photo(1, 0), document);
  }
  say(test, test.add_photo(1, 0), R"({"entities": ["cat"]})");
  test.library.database().read([](Connection& connection) {
    EXPECT_THAT(tag_fields(connection), ElementsAre("entities", "mood"));
    EXPECT_THAT(frequent_values(connection, 10),
                ElementsAre(ValueCount{.field = "entities", .value = "Dog", .photos = 3},
                            ValueCount{.field = "entities", .value = "cat", .photos = 2},
                            ValueCount{.field = "mood", .value = "calm", .photos = 1}));
    EXPECT_EQ(frequent_values(connection, 2).size(), 2U);
  });
}

TEST(CountsTest, APlaceIsOneInAllItsFields) {
  TestLibrary test;
  say(test, test.add_photo(1, 0), R"({"context": "beach", "mood": "calm"})");
  say(test, test.add_photo(1, 0), R"({"place": "Beach"})");
  say(test, test.add_photo(1, 0), R"({"place": "street"})");
  test.library.database().read([](Connection& connection) {
    const auto places = frequent_places(connection, 10);
    ASSERT_EQ(places.size(), 2U);
    EXPECT_EQ(places[0].key, "beach");
    EXPECT_EQ(places[0].photos, 2);
    EXPECT_EQ(places[1].value, "street");
  });
}

TEST(CountsTest, ProgressCountsJobs) {
  TestLibrary test;
  const std::int64_t first = test.add_photo(1, 0);
  test.add_photo(2, 0);
  test.finish(first, "import");
  const Progress progress = test.library.database().read([&](Connection& connection) {
    return read_progress(connection, test.library.settings(), now_ms());
  });
  EXPECT_EQ(progress.photos, 2);
  EXPECT_EQ(progress.tiers[0].done, 1);
  EXPECT_EQ(progress.tiers[0].waiting, 1);
  EXPECT_EQ(progress.tiers[1].waiting, 1);
  EXPECT_EQ(progress.tiers[1].blocked, 1);
  EXPECT_EQ(progress.tiers[0].p50_ms, 1.0);
  EXPECT_GT(progress.tiers[0].per_minute, 0.0);
}

// A library of before there were counts has what it holds counted when it is opened.
TEST(CountsTest, AnOlderLibraryIsCounted) {
  TestLibrary test;
  say(test, test.add_photo(1, 0), R"({"entities": ["dog"]})");
  const std::filesystem::path folder = test.library.folder();
  test.library.database().write([](Connection& connection) {
    for (const char* trigger : {"jobs_counted", "jobs_forgotten", "jobs_moved", "tags_counted",
                                "tags_forgotten", "tags_left", "tags_joined"}) {
      connection.exec(std::string("DROP TRIGGER ") + trigger);
    }
    for (const char* index : {"jobs_ended", "photos_reviewed", "photos_by_month",
                              "files_unreadable", "files_missing", "jobs_suspected"}) {
      connection.exec(std::string("DROP INDEX ") + index);
    }
    connection.exec(
        "DROP TABLE job_counts; DROP TABLE tag_counts; DROP TABLE miniatures; ALTER TABLE jobs "
        "DROP COLUMN crashes; PRAGMA user_version = 1");
  });
  const Library again(folder);
  again.database().read([](Connection& connection) {
    EXPECT_THAT(frequent_values(connection, 10),
                ElementsAre(ValueCount{.field = "entities", .value = "dog", .photos = 1}));
    EXPECT_EQ(query_integer(connection, "SELECT jobs FROM job_counts WHERE state = 'blocked'"), 1);
  });
}

}  // namespace
}  // namespace saccade::photos
