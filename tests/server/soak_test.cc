// The server under everything at once, for SACCADE_SOAK_SECONDS (`make soak`: ten minutes): many
// clients with good and bad requests, that leave, stall and break off, in little memory. Every
// complete answer is the engine's own, the server is never called down, and it grows no more.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "server/chat_requests.h"
#include "server/process_figures.h"
#include "server/running_server.h"
#include "server/soak_client.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kClients = 10;
constexpr int kDefaultSeconds = 20;
// Health checks answer within this, but for one in so many: other tests may have the processor.
constexpr seconds kHealthLimit{1};
constexpr int kSlowChecks = 20;
// From the second third to the last resident memory may grow by so much: the C library's arenas
// fill up for a while where threads come and go (measured: 146 MiB after half a minute, 151 after
// four).
constexpr std::int64_t kGrowthKib = 16 << 10;

seconds soak_time() {
  const char* text = std::getenv("SACCADE_SOAK_SECONDS");
  return seconds(text ? std::atoi(text) : kDefaultSeconds);
}

/// What a thread of the test throws fails the test.
template <typename Body>
void guarded(Body body) {
  try {
    body();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

/// Looks at the server again and again while it is busy.
class Watcher {
 public:
  Watcher(const RunningServer& server, Clock::time_point begin, seconds length)
      : server_(server),
        begin_(begin),
        length_(length),
        thread_([this] { guarded([this] { watch(); }); }) {}

  void stop() { thread_ = {}; }
  /// The resident memory, KiB, in the middle of what it was in each third of the time.
  std::array<std::int64_t, 3> resident() {
    std::array<std::int64_t, 3> middle = {};
    for (std::size_t i = 0; i < 3; ++i) {
      std::ranges::sort(resident_[i]);
      middle[i] = resident_[i].at(resident_[i].size() / 2);
    }
    return middle;
  }
  int checks() const { return checks_; }
  /// Of these, those that took too long.
  int slow() const { return slow_; }

 private:
  void watch() {
    while (Clock::now() < begin_ + length_) {
      const Clock::time_point asked = Clock::now();
      const TestResponse health = server_.ask("GET", "/health");
      EXPECT_EQ(health.status, 200);
      ++checks_;
      slow_ += Clock::now() - asked > kHealthLimit;
      const json::value said = json::parse(health.body);
      EXPECT_TRUE(said.at("status") == "ready" || said.at("status") == "busy") << health.body;
      const auto third = static_cast<std::size_t>(3 * (asked - begin_) / length_);
      resident_[std::min<std::size_t>(third, 2)].push_back(
          process_figure(server_.process(), "VmRSS"));
      std::this_thread::sleep_for(milliseconds(50));
    }
  }

  const RunningServer& server_;
  const Clock::time_point begin_;
  const seconds length_;
  std::array<std::vector<std::int64_t>, 3> resident_;
  int checks_ = 0, slow_ = 0;
  std::jthread thread_;
};

void run_clients(const RunningServer& server, const std::vector<SoakQuestion>& questions,
                 SoakCounts& counts, Clock::time_point end) {
  std::vector<std::jthread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      SoakClient client(server.port(), questions, counts, static_cast<std::uint32_t>(i));
      guarded([&] {
        while (Clock::now() < end && !testing::Test::HasFailure()) client.act();
      });
    });
  }
}

/// Waits until nothing is left of requests and connections: `open` files, as before all clients.
bool comes_to_rest(const RunningServer& server, std::int64_t open) {
  const Clock::time_point limit = Clock::now() + seconds(30);
  while (Clock::now() < limit) {
    const json::value requests = status_of(server).at("requests");
    if (requests.at("running") == 0 && requests.at("waiting") == 0 &&
        open_files(server.process()) <= open) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds(50));
  }
  return false;
}

/// All of it happened, so that nothing was found good that was never tried.
void expect_all_happened(const SoakCounts& counts, const json::value& status) {
  EXPECT_GT(counts.answers, 0);
  EXPECT_GT(counts.streams, 0);
  EXPECT_GT(counts.left, 0);
  EXPECT_GT(counts.stalled, 0);
  EXPECT_GT(counts.bad, 0);
  EXPECT_GT(counts.unfinished, 0);
  EXPECT_GT(status.at("requests").at("cancelled").as_int64(), 0);
  EXPECT_GT(status.at("requests").at("preemptions").as_int64(), 0);
  for (const char* cache : {"prefix", "vision"}) {
    EXPECT_GT(status.at("cache").at(cache).at("evictions").as_int64(), 0) << cache;
    EXPECT_GT(status.at("cache").at(cache).at("hits").as_int64(), 0) << cache;
  }
}

TEST(Soak, TheServerGoesOn) {
  const std::vector<SoakQuestion> questions = soak_questions();
  RunningServer server({"--threads", "2", "--kv-memory", "3M", "--vision-cache", "512K",
                        "--max-body", "1M", "--max-waiting", "6"});
  // Whatever is opened once is open now.
  server.ask("POST", questions[0].path, json::serialize(questions[0].body));
  const std::int64_t open = open_files(server.process());
  const seconds length = soak_time();
  const Clock::time_point begin = Clock::now();
  SoakCounts counts;
  Watcher watcher(server, begin, length);
  run_clients(server, questions, counts, begin + length);
  watcher.stop();
  EXPECT_LE(kSlowChecks * watcher.slow(), watcher.checks()) << "health was late";
  ASSERT_TRUE(comes_to_rest(server, open))
      << open << " open files before, " << open_files(server.process()) << " now";
  const json::value status = status_of(server);
  server.ask("DELETE", "/v1/admin/cache");
  EXPECT_EQ(status_of(server).at("kv_pages").at("used"), 0) << "pages of keys and values are lost";
  const std::array<std::int64_t, 3> resident = watcher.resident();
  EXPECT_LE(resident[2], resident[1] + kGrowthKib) << "KiB: it grows";
  expect_all_happened(counts, status);
  std::cout << "answers " << counts.answers << " (streams " << counts.streams << "), busy "
            << counts.busy << ", left " << counts.left << ", stalled " << counts.stalled << ", bad "
            << counts.bad << ", broken off " << counts.unfinished << ", caches cleared "
            << counts.cleared << "\n"
            << "resident KiB in each third: " << resident[0] << " " << resident[1] << " "
            << resident[2] << "; status " << status << "\n";
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0) << server.log();
}

}  // namespace
}  // namespace saccade::server
