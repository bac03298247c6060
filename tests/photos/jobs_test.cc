#include "photos/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "photos/answers.h"
#include "photos/clusters.h"
#include "photos/photo_list.h"
#include "photos/test_library.h"

namespace saccade::photos {
namespace {

using testing::AnyOf;

TEST(JobsTest, ATierBeginsWhenTheOneBeforeItIsOver) {
  TestLibrary test;
  const std::int64_t photo = test.add_photo(1, 0);
  EXPECT_EQ(test.state(photo, "import"), "waiting");
  EXPECT_EQ(test.state(photo, "vision"), "blocked");
  test.finish(photo, "import");
  EXPECT_EQ(test.state(photo, "import"), "done");
  EXPECT_EQ(test.state(photo, "vision"), "waiting");
  EXPECT_EQ(test.state(photo, "small"), "blocked");
}

TEST(JobsTest, APhotoThatCannotBeImportedStaysThere) {
  TestLibrary test;
  const std::int64_t photo = test.add_photo(1, 0);
  test.library.database().write([&](Connection& connection) {
    const auto job = claim_job(connection, "import", 1);
    ASSERT_TRUE(job);
    fail_job(connection, test.library.settings(), *job, "no picture", true, 1);
  });
  EXPECT_EQ(test.state(photo, "import"), "set_aside");
  EXPECT_EQ(test.state(photo, "vision"), "blocked");
}

TEST(JobsTest, APhotoThatCannotBeSeenClassicallyIsStillDescribed) {
  TestLibrary test;
  const std::int64_t photo = test.add_photo(1, 0);
  test.finish(photo, "import");
  test.library.database().write([&](Connection& connection) {
    const auto job = claim_job(connection, "vision", now_ms());
    ASSERT_TRUE(job);
    fail_job(connection, test.library.settings(), *job, "odd", true, now_ms());
  });
  EXPECT_EQ(test.state(photo, "vision"), "set_aside");
  EXPECT_EQ(test.state(photo, "small"), "waiting");
}

TEST(JobsTest, FailuresWaitLongerEachTimeAndEnd) {
  TestLibrary test;
  const std::int64_t photo = test.add_photo(1, 0);
  test.library.database().write([&](Connection& connection) {
    std::int64_t now = 1'000'000;
    std::int64_t last_wait = 0;
    for (int attempt = 0; attempt < 4; ++attempt) {
      const auto job = claim_job(connection, "import", now);
      ASSERT_TRUE(job) << attempt;
      EXPECT_EQ(job->attempts, attempt);
      fail_job(connection, test.library.settings(), *job, "slow", false, now);
      if (attempt == 3) break;
      const std::int64_t next =
          query_integer(connection, "SELECT not_before FROM jobs WHERE tier = 'import'");
      EXPECT_GT(next - now, last_wait);
      EXPECT_FALSE(claim_job(connection, "import", next - 1));
      last_wait = next - now;
      now = next;
    }
  });
  EXPECT_EQ(test.state(photo, "import"), "set_aside");
}

TEST(JobsTest, WhatKillsTheProgramEachTimeIsSetAside) {
  TestLibrary test;
  const std::int64_t photo = test.add_photo(1, 0);
  for (int crash = 0; crash < 3; ++crash) {
    test.library.database().write([&](Connection& connection) {
      ASSERT_TRUE(claim_job(connection, "import", now_ms(), crash > 0)) << crash;
      EXPECT_EQ(recover_jobs(connection, test.library.settings(), now_ms()), 1);
    });
  }
  EXPECT_EQ(test.state(photo, "import"), "set_aside");
}

TEST(JobsTest, OfSeveralInHandNoneIsBlamedUntilItRanAlone) {
  TestLibrary test;
  const std::int64_t guilty = test.add_photo(1, 0);
  const std::int64_t innocent = test.add_photo(2, 0);
  test.library.database().write([&](Connection& connection) {
    const Settings& settings = test.library.settings();
    const auto claim_guilty = [&] {
      raise_priority(connection, guilty, kOpenedPriority, now_ms());
      const auto job = claim_job(connection, "import", now_ms(), true);
      ASSERT_TRUE(job);
      ASSERT_EQ(job->photo, guilty);
      EXPECT_TRUE(job->suspect);
    };
    // However often a person kills the program.
    for (int kill = 0; kill < 5; ++kill) {
      ASSERT_TRUE(claim_job(connection, "import", now_ms(), kill > 0));
      ASSERT_TRUE(claim_job(connection, "import", now_ms(), kill > 0));
      EXPECT_EQ(recover_jobs(connection, settings, now_ms()), 2);
    }
    EXPECT_FALSE(claim_job(connection, "import", now_ms())) << "suspects are not for everyone";
    EXPECT_THAT(tiers_with_suspects(connection, now_ms()), testing::ElementsAre("import"));
    claim_guilty();
    EXPECT_EQ(recover_jobs(connection, settings, now_ms()), 1);
    claim_guilty();
    EXPECT_EQ(recover_jobs(connection, settings, now_ms()), 1);
    const auto other = claim_job(connection, "import", now_ms(), true);
    ASSERT_TRUE(other);
    finish_job(connection, settings, *other, 1.0, now_ms());
    EXPECT_THAT(tiers_with_suspects(connection, now_ms()), testing::IsEmpty());
    // A person asks again: it runs alone.
    EXPECT_EQ(retry_jobs(connection, settings, 0, "", now_ms()), 1);
    claim_guilty();
  });
  EXPECT_EQ(test.state(innocent, "import"), "done");
}

TEST(JobsTest, WhatSomebodyLooksAtComesFirst) {
  TestLibrary test;
  test.add_photo(1, 0);
  const std::int64_t second = test.add_photo(2, 0);
  test.library.database().write([&](Connection& connection) {
    raise_priority(connection, second, kOpenedPriority, now_ms());
    const auto job = claim_job(connection, "import", now_ms());
    ASSERT_TRUE(job);
    EXPECT_EQ(job->photo, second);
  });
}

TEST(JobsTest, ARetryBeginsAfresh) {
  TestLibrary test;
  const std::int64_t photo = test.add_photo(1, 0);
  test.library.database().write([&](Connection& connection) {
    const auto job = claim_job(connection, "import", 1);
    fail_job(connection, test.library.settings(), *job, "no picture", true, 1);
    EXPECT_EQ(retry_jobs(connection, test.library.settings(), 0, "", 2), 1);
    const auto again = claim_job(connection, "import", 2);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->attempts, 0);
  });
  EXPECT_EQ(test.state(photo, "import"), "running");
}

class Cluster : public testing::Test {
 protected:
  /// A photo that is past the tiers that look at it by itself.
  std::int64_t add_described(std::uint64_t hash, std::int64_t taken) {
    const std::int64_t photo = test_.add_photo(hash, taken);
    test_.finish(photo, "import");
    test_.finish(photo, "vision");
    test_.library.database().write(
        [&](Connection& connection) { join_cluster(connection, test_.library.settings(), photo); });
    test_.finish(photo, "small");
    return photo;
  }
  void describe(std::int64_t photo, const std::string& document) {
    test_.library.database().write([&](Connection& connection) {
      store_answer(
          connection,
          {.photo = photo, .tier = "large", .model = "m", .prompt = "p", .document = document},
          now_ms());
    });
    test_.finish(photo, "large");
  }
  std::string from_photo(std::int64_t photo) {
    return test_.library.database().read([&](Connection& connection) {
      return query_text(connection, "SELECT from_photo FROM tags WHERE photo_id = ?1", photo);
    });
  }

  TestLibrary test_;
};

TEST_F(Cluster, OneAnswersForAll) {
  const std::int64_t first = add_described(0xff00, 100);
  const std::int64_t second = add_described(0xff01, 103);
  EXPECT_EQ(test_.state(first, "large"), "waiting");
  EXPECT_EQ(test_.state(second, "large"), "blocked");
  describe(first, R"({"objects": [{"name": "cup", "confidence": 0.8}]})");
  EXPECT_EQ(test_.state(second, "large"), "shared");
  EXPECT_EQ(from_photo(second), std::to_string(first));
  // One that comes later gets it at once.
  const std::int64_t third = add_described(0xff03, 105);
  EXPECT_EQ(test_.state(third, "large"), "shared");
  test_.library.database().read([&](Connection& connection) {
    auto row = sql(connection, "SELECT confidence FROM tags WHERE photo_id = ?1", third);
    ASSERT_TRUE(row.executeStep());
    EXPECT_LT(row.getColumn(0).getDouble(), 0.8) << "it is less sure than of the one asked about";
  });
}

// In whichever order photos of a burst that came at once are described, all join the same one.
TEST_F(Cluster, ABurstThatComesAtOnceIsOne) {
  std::vector<std::int64_t> burst;
  for (const std::uint64_t hash : {0xff00, 0xff01, 0x7f00, 0x7f01}) {
    burst.push_back(test_.add_photo(hash, 100));
    test_.finish(burst.back(), "import");
    test_.finish(burst.back(), "vision");
  }
  for (const std::size_t i : {2U, 0U, 3U, 1U}) {
    test_.library.database().write([&](Connection& connection) {
      join_cluster(connection, test_.library.settings(), burst[i]);
    });
    test_.finish(burst[i], "small");
  }
  test_.library.database().read([&](Connection& connection) {
    EXPECT_EQ(query_integer(connection, "SELECT COUNT(*) FROM clusters"), 1);
    EXPECT_EQ(query_integer(connection, "SELECT COUNT(*) FROM photos WHERE cluster_id = 1"), 4);
  });
}

TEST_F(Cluster, WhatIsAlikeIsFoundAlsoOutsideOfClusters) {
  const std::int64_t first = add_described(0xff00, 100);
  const std::int64_t near = add_described(0xff0f, 9000);
  const std::int64_t far = add_described(~std::uint64_t{0xff00}, 9500);
  test_.library.database().read([&](Connection& connection) {
    const auto similar = similar_photos(connection, first, 10);
    ASSERT_EQ(similar.size(), 2U);
    EXPECT_EQ(similar[0].id, near);
    EXPECT_EQ(similar[1].id, far);
    EXPECT_GT(similar[0].likeness, similar[1].likeness);
  });
}

TEST_F(Cluster, AnotherTimeOrAnotherSceneIsAnother) {
  add_described(0xff00, 100);
  EXPECT_EQ(test_.state(add_described(0xff, 101), "large"), "waiting") << "another scene";
  EXPECT_EQ(test_.state(add_described(0xff00 ^ 0x1ff, 9000), "large"), "waiting") << "hours later";
}

TEST_F(Cluster, AnotherMemberStandsInForOneThatIsSetAside) {
  const std::int64_t first = add_described(0xff00, 100);
  const std::int64_t second = add_described(0xff01, 103);
  test_.library.database().write([&](Connection& connection) {
    const auto job = claim_job(connection, "large", now_ms());
    ASSERT_TRUE(job);
    ASSERT_EQ(job->photo, first);
    fail_job(connection, test_.library.settings(), *job, "nonsense", true, now_ms());
  });
  EXPECT_EQ(test_.state(second, "large"), "waiting");
}

TEST_F(Cluster, AMemberCanBeAskedItself) {
  const std::int64_t first = add_described(0xff00, 100);
  const std::int64_t second = add_described(0xff01, 103);
  describe(first, R"({"mood": "calm"})");
  test_.library.database().write([&](Connection& connection) {
    run_alone(connection, "large", second, now_ms());
    const auto job = claim_job(connection, "large", now_ms());
    ASSERT_TRUE(job);
    EXPECT_EQ(job->photo, second);
  });
  describe(second, R"({"mood": "wild"})");
  EXPECT_EQ(from_photo(second), "");
  describe(first, R"({"mood": "sad"})");
  EXPECT_EQ(from_photo(second), "") << "its own word is not replaced";
}

// Random transitions: whatever happens, no job is lost, none runs twice at once, tiers keep their
// order, and in the end everything is over.
TEST(JobsTest, EveryScheduleEnds) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    TestLibrary test;
    const Settings& settings = test.library.settings();
    std::mt19937 random(seed);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    std::int64_t now = 1'000'000;
    std::set<std::pair<std::int64_t, std::string>> running;
    std::vector<Job> jobs;
    for (int i = 0; i < 12; ++i) test.add_photo(random() % 4 * 0xff, random() % 3 * 5);
    for (int step = 0; step < 4000; ++step) {
      now += 1 + random() % 2000;
      const bool over = test.library.database().write([&](Connection& connection) {
        const Tier& tier = settings.tiers[random() % settings.tiers.size()];
        if (auto job =
                chance(60) ? claim_job(connection, tier.name, now, chance(50)) : std::nullopt) {
          EXPECT_TRUE(running.emplace(job->photo, job->tier).second) << "claimed twice";
          jobs.push_back(*job);
        }
        if (!jobs.empty() && chance(60)) {
          std::swap(jobs[random() % jobs.size()], jobs.back());
          const Job job = jobs.back();
          jobs.pop_back();
          running.erase({job.photo, job.tier});
          if (chance(10)) {
            return_job(connection, job, now);
          } else if (chance(20)) {
            fail_job(connection, settings, job, "bad luck", chance(20), now);
          } else {
            if (job.tier == "small") join_cluster(connection, settings, job.photo);
            if (job.tier == "large" || job.tier == "small") {
              store_answer(connection,
                           {.photo = job.photo,
                            .tier = job.tier,
                            .model = "m",
                            .prompt = "p",
                            .document = R"({"mood": "fine"})"},
                           now);
            }
            finish_job(connection, settings, job, 1.0, now);
          }
        }
        if (chance(1)) {  // the process dies
          recover_jobs(connection, settings, now);
          jobs.clear();
          running.clear();
        }
        return jobs.empty() &&
               query_integer(connection,
                             "SELECT EXISTS (SELECT 1 FROM jobs WHERE state IN ('waiting', "
                             "'running', 'failed'))") == 0;
      });
      if (over) break;
      now += 1'000;
    }
    test.library.database().read([&](Connection& connection) {
      EXPECT_EQ(query_integer(connection,
                              "SELECT COUNT(*) FROM (SELECT tier, state, COUNT(*) FROM jobs GROUP "
                              "BY tier, state EXCEPT SELECT * FROM job_counts)"),
                0)
          << "seed " << seed;
      EXPECT_EQ(query_integer(connection, "SELECT SUM(jobs) FROM job_counts"),
                query_integer(connection, "SELECT COUNT(*) FROM jobs"));
      auto rows = sql(connection,
                      "SELECT photo_id, tier, state FROM jobs WHERE photo_id IN (SELECT photo_id "
                      "FROM jobs WHERE tier = 'import' AND state = 'done')");
      while (rows.executeStep()) {
        EXPECT_THAT(rows.getColumn(2).getString(), AnyOf("done", "shared", "set_aside"))
            << "seed " << seed << ", photo " << rows.getColumn(0).getInt64() << ", tier "
            << rows.getColumn(1).getString();
      }
    });
  }
}

}  // namespace
}  // namespace saccade::photos
