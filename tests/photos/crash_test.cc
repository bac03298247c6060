// `saccade photos` killed at random moments: nothing that was finished is lost, and in the end
// everything is as if nothing had happened.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/checksum.h"
#include "cli/process.h"
#include "photos/fault_server.h"
#include "photos/made_library.h"
#include "photos/remote_library.h"
#include "photos/started_program.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

constexpr int kPhotos = 12;
constexpr int kKills = 14;
constexpr std::uint64_t kSeed = 5;

std::string picture_of(const json::value& body) {
  return std::string(body.at_pointer("/messages/0/content/1/image_url/url").as_string());
}

/// A model that always says the same of a picture. The large one's answer does not depend on it, so
/// that it makes no difference which photo of a burst is asked.
server::HttpResponse answer(const json::value& body) {
  if (prompt_of(body) == kLargePrompt) return completion(R"({"mood": "calm"})");
  const std::string name = Checksum().add(picture_of(body)).hex().substr(0, 8);
  return completion(fmt::format(R"({{"entities": ["thing {}"], "context": "made"}})", name));
}

using Rows = std::set<std::string>;

/// Each row as one text.
Rows rows(const Database& database, const std::string& query) {
  return database.read([&](Connection& connection) {
    Rows found;
    auto statement = sql(connection, query);
    while (statement.executeStep()) {
      std::string row;
      for (int i = 0; i < statement.getColumnCount(); ++i) {
        row += statement.getColumn(i).getString() + "|";
      }
      found.insert(row);
    }
    return found;
  });
}

/// What must stay: how long finished jobs took, and the rows of what they found.
Rows finished(const Database& database) {
  Rows all = rows(database,
                  "SELECT 'job', photo_id, tier, duration_ms FROM jobs WHERE state IN ('done', "
                  "'shared')");
  all.merge(rows(database, "SELECT 'result', id, photo_id, tier, document FROM results"));
  all.merge(rows(database, "SELECT 'photo', id, digest FROM photos"));
  return all;
}

class CrashTest : public testing::Test {
 protected:
  CrashTest() {
    server_.otherwise(answer);
    make_library(photos(), kPhotos, kSeed, {.width = 320, .height = 240, .burst_share = 0.5});
  }

  std::string photos() const { return folder_.file("pictures"); }
  std::string make(const std::string& name) {
    make_remote_library(folder_, name, server_.url());
    return folder_.file(name);
  }
  static void run(const std::vector<std::string>& arguments) {
    const cli::Outcome outcome = cli::run_program(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  }
  void run_to_the_end(const std::string& library) const {
    run({"photos", "add", library, photos()});
    run({"photos", "work", library, "--until-idle"});
  }
  void kill_at_random(const std::string& folder, std::mt19937& random);
  static void expect_sound(const Database& database);

  TemporaryDirectory folder_;
  FaultServer server_;
};

/// Lets both programs add and work until a few more jobs are over, and kills them.
void CrashTest::kill_at_random(const std::string& folder, std::mt19937& random) {
  const Library library(folder);
  const auto over = [&] { return finished(library.database()).size(); };
  const std::size_t enough = over() + std::uniform_int_distribution<std::size_t>(0, 6)(random);
  StartedProgram adding({"photos", "add", folder, photos()});
  StartedProgram working({"photos", "work", folder, "--until-idle"});
  while (over() < enough && (adding.is_running() || working.is_running())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Some steps take longer than others: not always right after one has ended.
  std::this_thread::sleep_for(
      std::chrono::microseconds(std::uniform_int_distribution(0, 200'000)(random)));
  adding.kill();
  working.kill();
}

void CrashTest::expect_sound(const Database& database) {
  const auto none = [&](const std::string& query) {
    EXPECT_EQ(rows(database, query), Rows()) << query;
  };
  EXPECT_EQ(rows(database, "PRAGMA integrity_check"), Rows{"ok|"});
  none("PRAGMA foreign_key_check");
  none("SELECT digest FROM photos GROUP BY digest HAVING COUNT(*) > 1");
  none("SELECT id FROM photos WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE photo_id = id)");
  // One current result for what is done, and tags only of what somebody found.
  none(
      "SELECT photo_id, tier FROM jobs WHERE state IN ('done', 'shared') AND tier IN ('small', "
      "'large') AND (SELECT COUNT(*) FROM results WHERE results.photo_id = jobs.photo_id AND "
      "results.tier = jobs.tier AND current) <> 1");
  none(
      "SELECT photo_id, tier, value FROM tags WHERE tier IN ('small', 'large') AND NOT EXISTS "
      "(SELECT 1 FROM results WHERE results.photo_id = tags.photo_id AND results.tier = "
      "tags.tier AND current AND instr(document, tags.value))");
}

TEST_F(CrashTest, KilledAtAnyMomentItLosesNothingAndEndsTheSame) {
  const std::string folder = make("killed");
  std::mt19937 random(kSeed);
  const Library library(folder);
  Rows kept;
  for (int kill = 0; kill < kKills; ++kill) {
    kill_at_random(folder, random);
    const Rows now = finished(library.database());
    EXPECT_TRUE(std::ranges::includes(now, kept)) << "kill " << kill;
    expect_sound(library.database());
    kept = now;
  }
  run_to_the_end(folder);
  // A photo that the program was at each time when it was killed is suspected, rightly: nobody
  // told it who did it. A person asks again.
  EXPECT_EQ(rows(library.database(),
                 "SELECT photo_id, tier, error FROM jobs WHERE state = 'set_aside' AND error NOT "
                 "LIKE 'the program ended each time%'"),
            Rows());
  run({"photos", "retry", folder});
  run_to_the_end(folder);

  expect_sound(library.database());
  const Rows end = finished(library.database());
  EXPECT_TRUE(std::ranges::includes(end, kept));
  EXPECT_EQ(rows(library.database(), "SELECT COUNT(*) FROM photos"),
            Rows{fmt::format("{}|", kPhotos)});
  EXPECT_EQ(rows(library.database(),
                 "SELECT photo_id, tier, state FROM jobs WHERE state NOT IN ('done', 'shared')"),
            Rows());

  const std::string other = make("unharmed");
  run_to_the_end(other);
  const Library unharmed(other);
  const std::string tags =
      "SELECT digest, field, value FROM tags JOIN photos ON photos.id = "
      "photo_id";
  EXPECT_EQ(rows(library.database(), tags), rows(unharmed.database(), tags));
  EXPECT_GE(rows(library.database(), tags).size(), std::size_t{2 * kPhotos});
}

TEST_F(CrashTest, WhatWasAnsweredIsNotAskedAgain) {
  const std::string folder = make("killed");
  const Library library(folder);
  std::mt19937 random(kSeed + 1);
  for (int kill = 0; kill < kKills / 2; ++kill) {
    kill_at_random(folder, random);
    // At each moment one question of each model at most is in hand.
    std::map<std::string, int> asked;
    for (const json::value& body : server_.asked()) ++asked[prompt_of(body)];
    const auto answered = [&](const std::string& tier) {
      return static_cast<int>(
          rows(library.database(),
               fmt::format("SELECT id FROM results WHERE tier = '{}' AND from_photo IS NULL", tier))
              .size());
    };
    EXPECT_LE(asked[kSmallPrompt], answered("small") + kill + 1);
    EXPECT_LE(asked[kLargePrompt], answered("large") + kill + 1);
  }
}

}  // namespace
}  // namespace saccade::photos
