#include "photos/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "patience.h"
#include "photos/clock.h"
#include "photos/fault_server.h"
#include "photos/importer.h"
#include "photos/jobs.h"
#include "photos/photo_files.h"
#include "photos/remote_library.h"

namespace saccade::photos {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(60));
constexpr const char* kGood = R"({"entities": ["dog"], "relationships": [{"subject": "dog"}]})";
constexpr const char* kBroken = R"({"entities": ["dog"], "relationships": [{"subject": "cat"}]})";

class WorkersTest : public testing::Test {
 protected:
  void SetUp() override {
    make_remote_library(folder_, "library", server_.url());
    library_.emplace(folder_.path() / "library");
    const cv::Scalar colours[] = {{250, 20, 20}, {20, 20, 250}};
    for (int i = 0; i < 2; ++i) {
      cv::Mat picture = plain_picture(64, 48, colours[i]);
      picture(cv::Rect(i * 30, 0, 20, 40)).setTo(cv::Scalar(255, 255, 255));
      const auto file = jpeg_of(picture);
      const auto path = folder_.write("photo" + std::to_string(i) + ".jpg",
                                      {reinterpret_cast<const char*>(file.data()), file.size()});
      std::string message;
      ASSERT_EQ(Importer(*library_).add_file(path, true, message), FileOutcome::kAdded) << message;
    }
  }
  /// Works until all photos are past the tier.
  void work_until_over(const std::string& tier) {
    Workers workers(*library_, *WorkLock::take(*library_));
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (count("SELECT COUNT(*) FROM jobs WHERE state IN ('done', 'set_aside', 'shared') AND "
                 "tier = '" +
                 tier + "'") < 2) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      saw_trouble_ = saw_trouble_ || workers.troubles().contains(tier);
    }
  }
  std::int64_t count(const std::string& query) const {
    return library_->database().read(
        [&](Connection& connection) { return query_integer(connection, query); });
  }
  std::string text(const std::string& query) const {
    return library_->database().read(
        [&](Connection& connection) { return query_text(connection, query); });
  }

  TemporaryDirectory folder_;
  FaultServer server_;
  std::optional<Library> library_;
  bool saw_trouble_ = false;
};

TEST_F(WorkersTest, AModelThatIsDownForAWhileCostsNoPhoto) {
  // More often than a photo is tried.
  for (int i = 0; i < 3; ++i) server_.then_send(503, "down");
  server_.otherwise([](const auto&) { return completion(kGood); });
  work_until_over("small");
  EXPECT_TRUE(saw_trouble_);
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE tier = 'small' AND state = 'done'"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE state = 'set_aside'"), 0);
}

TEST_F(WorkersTest, ATierInTroubleIsTriedAgainAtOnceWhenAsked) {
  // By itself it would be tried again after 1, 2, 4 seconds and so on: two minutes in all.
  for (int i = 0; i < 8; ++i) server_.then_send(503, "down");
  server_.otherwise([](const auto&) { return completion(kGood); });
  Workers workers(*library_, *WorkLock::take(*library_));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (count("SELECT COUNT(*) FROM jobs WHERE tier = 'small' AND state = 'done'") < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
    library_->database().write([&](Connection& connection) {
      return retry_jobs(connection, library_->settings(), 0, "small", now_ms());
    });
    workers.try_again("small");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TEST_F(WorkersTest, NonsenseIsSetAsideWithTheReason) {
  server_.otherwise([](const auto&) { return completion("I cannot see anything."); });
  work_until_over("large");
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE state = 'set_aside' AND tier = 'small'"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE state = 'set_aside' AND tier = 'large'"), 2);
  EXPECT_EQ(count("SELECT MIN(attempts) FROM jobs WHERE tier = 'large'"), 2);
  EXPECT_THAT(text("SELECT error FROM jobs WHERE tier = 'large'"), HasSubstr(kLargeModel));
  EXPECT_EQ(count("SELECT COUNT(*) FROM results WHERE tier IN ('small', 'large')"), 0);
}

TEST_F(WorkersTest, AnAnswerThatContradictsItselfIsAskedOfTheLargerModel) {
  server_.otherwise([](const boost::json::value& body) {
    return completion(body.at("model").as_string() == kSmallModel ? kBroken : kGood);
  });
  work_until_over("small");
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE tier = 'small' AND state = 'done'"), 2);
  EXPECT_THAT(text("SELECT model FROM results WHERE tier = 'small'"), HasSubstr(kLargeModel));
  EXPECT_EQ(count("SELECT COUNT(*) FROM tags WHERE field = 'entities' AND value = 'dog' AND model "
                  "LIKE 'large-model%'"),
            2);
  EXPECT_EQ(count("SELECT COUNT(*) FROM tags WHERE value = 'cat'"), 0);
}

TEST_F(WorkersTest, WhatTheLargerModelContradictsIsLeftOut) {
  server_.otherwise([](const auto&) { return completion(kBroken); });
  work_until_over("small");
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE tier = 'small' AND state = 'done'"), 2);
  // Of which tier depends on whether the large one has said the same by now.
  EXPECT_EQ(count("SELECT COUNT(*) FROM tags WHERE value = 'dog'"), 2);
  EXPECT_EQ(text("SELECT document FROM results WHERE tier = 'small'"),
            R"({"entities":["dog"],"relationships":[]})");
}

TEST_F(WorkersTest, WhatTheProgramEndedAtRunsAloneAndFirst) {
  library_->database().write([](Connection& connection) {
    execute(connection, "UPDATE jobs SET state = 'done' WHERE photo_id = 1 AND tier = 'vision'");
    execute(connection,
            "UPDATE jobs SET state = 'waiting', crashes = 1 WHERE photo_id = 1 AND tier = 'small'");
  });
  std::vector<std::string> others;
  server_.otherwise([&](const auto&) {
    others.push_back(text("SELECT state FROM jobs WHERE photo_id = 2 AND tier = 'vision'"));
    return completion(kGood);
  });
  work_until_over("small");
  ASSERT_FALSE(others.empty());
  EXPECT_EQ(others[0], "waiting");
  EXPECT_EQ(count("SELECT MAX(crashes) FROM jobs"), 0);
}

TEST_F(WorkersTest, StoppedInTheMiddleThePhotoWaitsAgain) {
  server_.then_hang();
  {
    Workers workers(*library_, *WorkLock::take(*library_));
    ASSERT_TRUE(server_.was_asked(1));
    workers.stop();
  }
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE state = 'running'"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) FROM jobs WHERE tier = 'small' AND state = 'waiting' AND "
                  "attempts = 0"),
            count("SELECT COUNT(*) FROM jobs WHERE tier = 'vision' AND state = 'done'"));
}

}  // namespace
}  // namespace saccade::photos
