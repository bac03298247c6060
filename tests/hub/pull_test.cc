// Pulls that come to a good end.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "pull_fixture.h"

namespace saccade::hub {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(PullTest, FillsTheCacheAsOtherProgramsExpectIt) {
  add_model();
  const PullResult result = pull_model();
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.commit, kCommit);
  EXPECT_EQ(result.snapshot, snapshot());
  EXPECT_EQ(result.files, 3);
  EXPECT_TRUE(is_pulled());
  EXPECT_EQ(text("config.json"), "{\"model_type\": \"x\"}");
  EXPECT_EQ(fs::read_symlink(snapshot() / "model.safetensors"), "../../blobs/" + weights_blob_);
  EXPECT_EQ(read_text_file(folder() / "refs" / "main"), kCommit);
  EXPECT_FALSE(fs::exists(snapshot() / "README.md"));
  EXPECT_TRUE(is_tidy());
  EXPECT_EQ(result.received_bytes, result.bytes);
  EXPECT_EQ(listener_.largest, result.bytes);
}

TEST_F(PullTest, TheResultIsFoundByItsName) {
  add_model();
  pull_model();
  setenv("HF_HUB_CACHE", cache_.path().c_str(), 1);
  EXPECT_EQ(checkpoint::resolve_model("org/name"), snapshot());
  unsetenv("HF_HUB_CACHE");
}

TEST_F(PullTest, TheTokenStaysWithTheHub) {
  add_model();
  settings_.token = "hf_secret";
  pull_model();
  int stored = 0;
  for (const SeenRequest& request : hub_.seen()) {
    stored += request.storage ? 1 : 0;
    EXPECT_EQ(request.authorization, request.storage ? "" : "Bearer hf_secret") << request.path;
  }
  EXPECT_GT(stored, 10) << "pieces of large files";
}

TEST_F(PullTest, LargeFilesComeInPieces) {
  add_model();
  pull_model();
  std::vector<std::string> ranges;
  for (const SeenRequest& request : hub_.seen()) {
    if (request.storage && !request.range.empty()) ranges.push_back(request.range);
  }
  EXPECT_THAT(ranges, SizeIs((weights_.size() + 65535) / 65536));
  EXPECT_THAT(ranges, testing::Contains("bytes=65536-131071"));
}

TEST_F(PullTest, WhatIsCompleteIsNotFetchedAgain) {
  add_model();
  pull_model();
  hub_.forget();
  const PullResult again = pull_model();
  EXPECT_TRUE(again.complete);
  EXPECT_EQ(again.received_bytes, 0);
  EXPECT_THAT(hub_.seen(), SizeIs(1)) << "the revision only";
  EXPECT_THAT(listener_.found,
              UnorderedElementsAre("config.json", "tokenizer.json", "model.safetensors"));
}

TEST_F(PullTest, ANewRevisionFetchesWhatChanged) {
  add_model();
  pull_model();
  hub_.add("config.json", "{}", false);
  pull_model();
  EXPECT_EQ(text("config.json"), "{}");
  EXPECT_THAT(listener_.fetched, SizeIs(4));
}

TEST_F(PullTest, CancellingKeepsWhatCame) {
  add_model();
  hub_.set_fault([](const SeenRequest&) { return Fault{.pause = std::chrono::milliseconds(3)}; });
  settings_.tuning.connections = 2;
  listener_.cancel_after = 300'000;
  EXPECT_FALSE(pull_model().complete);
  EXPECT_FALSE(fs::exists(snapshot()));
  EXPECT_FALSE(is_tidy());
  hub_.set_fault({});
  hub_.forget();
  listener_.cancel_after = -1;
  const PullResult result = pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_TRUE(is_tidy());
  EXPECT_LE(result.received_bytes, result.bytes - 300'000);
  EXPECT_LT(hub_.served_bytes(), result.bytes - 290'000);
}

TEST_F(PullTest, AllConnectionsCutGoesOnNextTime) {
  add_model();
  settings_.tuning.max_attempts = 1;
  settings_.tuning.connections = 1;
  std::atomic<std::int64_t> left = 10;
  hub_.set_fault([&](const SeenRequest& request) {
    return request.storage && --left < 0 ? Fault{.cut_after = 40'000} : Fault{};
  });
  EXPECT_THAT(error(), HasSubstr("what came so far is kept"));
  const std::int64_t first = hub_.served_bytes();
  hub_.set_fault({});
  hub_.forget();
  const PullResult result = pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_GT(first, 500'000);
  EXPECT_LT(result.received_bytes, 450'000);
}

TEST_F(PullTest, ConnectionsCutMidwayAreTakenUp) {
  add_model();
  std::atomic<int> count = 0;
  hub_.set_fault([&](const SeenRequest& request) {
    return request.storage && ++count % 2 == 1 ? Fault{.cut_after = 33'000} : Fault{};
  });
  const PullResult result = pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_EQ(result.received_bytes, result.bytes) << "no byte twice";
  EXPECT_THAT(listener_.notices, testing::Not(IsEmpty()));
}

TEST_F(PullTest, SidecarsOfOthersAreIgnored) {
  const auto pull_with_sidecar = [&](const std::string& sidecar, std::size_t held) {
    fs::remove_all(folder());
    fs::create_directories(folder() / "blobs");
    const std::string stem = folder() / "blobs" / weights_blob_;
    std::ofstream(stem + ".saccade-partial") << std::string(held, 'x');
    std::ofstream(stem + ".saccade-ranges.json") << sidecar;
    pull_model();
    EXPECT_TRUE(is_pulled()) << sidecar;
    EXPECT_TRUE(is_tidy());
    EXPECT_THAT(listener_.notices, IsEmpty()) << sidecar;
  };
  add_model();
  const std::string mine = "{\"format\": 1, \"blob\": \"" + weights_blob_ + "\", ";
  pull_with_sidecar(mine + "\"bytes\": 1000000, \"done\": [0, 20", 2'000'000);
  pull_with_sidecar(mine + "\"bytes\": 999999, \"done\": [0, 2000]}", 2000);
  pull_with_sidecar(mine + "\"bytes\": 1000000, \"done\": [0, 3000]}", 2000);
  pull_with_sidecar(mine + "\"bytes\": 1000000, \"done\": [500, 3000, 0, 10]}", 5000);
  pull_with_sidecar(mine + "\"bytes\": 1000000, \"done\": [0]}", 5000);
  pull_with_sidecar("{\"format\": 1, \"blob\": \"b\", \"bytes\": 1000000, \"done\": [0, 9]}", 5000);
  pull_with_sidecar("{\"format\": 2}", 5000);
}

TEST_F(PullTest, ASidecarThatLiesIsFoundOutByTheDigest) {
  add_model();
  fs::create_directories(folder() / "blobs");
  const std::string stem = folder() / "blobs" / weights_blob_;
  std::ofstream(stem + ".saccade-partial") << std::string(5000, 'x');
  std::ofstream(stem + ".saccade-ranges.json")
      << "{\"format\": 1, \"blob\": \"" + weights_blob_ +
             "\", \"bytes\": 1000000, \"done\": [0, 5000]}";
  pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_THAT(listener_.notices, testing::Contains(HasSubstr("damaged")));
}

TEST_F(PullTest, AServerWithoutRangesSendsWholeFiles) {
  add_model();
  hub_.set_fault([](const SeenRequest&) { return Fault{.ignore_range = true}; });
  pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_TRUE(is_tidy());
}

TEST_F(PullTest, AServerWithoutRangesMayBeCutToo) {
  add_model();
  std::atomic<int> whole = 0;
  hub_.set_fault([&](const SeenRequest& request) {
    const bool cut = request.storage && request.range.empty() && ++whole <= 3;
    return Fault{.cut_after = cut ? 1000 : -1, .ignore_range = true};
  });
  pull_model();
  EXPECT_TRUE(is_pulled());
}

TEST_F(PullTest, AMirrorThatListsNamesOnlyIsAskedForTheRest) {
  add_model();
  hub_.set_bare(true);
  const PullResult result = pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_EQ(fs::read_symlink(snapshot() / "model.safetensors"), "../../blobs/" + weights_blob_);
  EXPECT_EQ(result.bytes, 1'003'019);
}

TEST_F(PullTest, FoldersAreKept) {
  add_model();
  hub_.add("a/b/part.safetensors", content_of(100'000, 5), true);
  request_.include = {"a/*"};
  pull_model();
  EXPECT_EQ(text("a/b/part.safetensors"), content_of(100'000, 5));
  EXPECT_TRUE(fs::read_symlink(snapshot() / "a/b/part.safetensors")
                  .string()
                  .starts_with("../../../../blobs/"));
  EXPECT_FALSE(fs::exists(snapshot() / "config.json"));
}

TEST_F(PullTest, EmptyAndEqualFiles) {
  add_model();
  hub_.add("empty.json", "", false);
  hub_.add("twin.json", "{\"model_type\": \"x\"}", false);
  pull_model();
  EXPECT_EQ(text("empty.json"), "");
  EXPECT_EQ(text("twin.json"), text("config.json"));
}

TEST_F(PullTest, RevisionsBecomeReferences) {
  add_model();
  request_.revision = "refs/pr/7";
  pull_model();
  EXPECT_EQ(read_text_file(folder() / "refs/refs/pr/7"), kCommit);
  EXPECT_THAT(hub_.seen().front().path, HasSubstr("/revision/refs%2Fpr%2F7?blobs=true"));
  request_.revision = kCommit;
  pull_model();
  EXPECT_FALSE(fs::exists(folder() / "refs" / kCommit)) << "a commit needs none";
}

TEST_F(PullTest, TwoAtOnceShareTheWork) {
  add_model();
  hub_.set_fault([](const SeenRequest&) { return Fault{.pause = std::chrono::milliseconds(20)}; });
  NotingListener other;
  PullResult theirs;
  std::thread thread([&] { theirs = pull(request_, other, settings_); });
  const PullResult ours = pull_model();
  thread.join();
  EXPECT_TRUE(ours.complete && theirs.complete);
  EXPECT_TRUE(is_pulled());
  EXPECT_EQ(ours.received_bytes + theirs.received_bytes, ours.bytes) << "once";
  EXPECT_EQ(other.notices.size() + listener_.notices.size(), 1U) << "one had to wait";
}

TEST_F(PullTest, AServerThatIsBusyIsGivenTime) {
  add_model();
  std::atomic<int> count = 0;
  std::set<std::string> asked;
  hub_.set_fault([&](const SeenRequest& request) {
    const int turn = count++;
    if (turn == 0) return Fault{.status = 503};
    if (turn == 1) return Fault{.status = 429, .headers = "Retry-After: 1\r\n"};
    const bool first = asked.insert(request.path + request.range).second;
    return request.storage && first ? Fault{.status = 500} : Fault{};
  });
  const auto start = std::chrono::steady_clock::now();
  pull_model();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1)) << "Retry-After";
  EXPECT_TRUE(is_pulled());
  EXPECT_THAT(listener_.notices,
              testing::Contains(AllOf(HasSubstr("429"), HasSubstr("trying again in 1 s"))));
}

}  // namespace
}  // namespace saccade::hub
