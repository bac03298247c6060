// The server under everything at once, for SACCADE_SOAK_SECONDS (`make soak`: ten minutes): many
// clients with good and bad requests, that leave, stall and break off, in little memory. Every
// complete answer is the engine's own, the server is never called down, and it grows no more.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "guarded.h"
#include "patience.h"
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
constexpr int kDefaultSeconds = 60;
// Health checks answer within this, but for one in so many: other tests may have the processor.
constexpr seconds kHealthLimit{1};
constexpr int kSlowChecks = 20;
// What may be missing when the time is over is waited for, so many times as long at most.
constexpr int kMostTimes = 10;
// From the second third to the last resident memory, KiB, may grow by so much: in a short soak,
// while the arenas of the C library fill up with what threads need, and in a long one. (In the
// thirds of a minute it was 140, 141 and 143 MiB.)
constexpr std::int64_t kWarmingKib = 32 << 10;
constexpr std::int64_t kGrowthKib = 8 << 10;
constexpr seconds kLong{120};

seconds soak_time() {
  const char* text = std::getenv("SACCADE_SOAK_SECONDS");
  return seconds(text ? std::atoi(text) : kDefaultSeconds);
}

/// What should happen in a soak and has not yet, so that nothing is found good that was not tried;
/// empty: all has.
std::string still_missing(const SoakCounts& counts, const json::value& status) {
  const json::object& requests = status.at("requests").as_object();
  const json::object& caches = status.at("cache").as_object();
  std::string missing;
  const auto want = [&](const std::string& what, std::int64_t count) {
    if (count == 0) missing += what + " ";
  };
  want("answers", counts.answers - counts.streams);
  want("streams", counts.streams);
  want("clients that left", counts.left);
  want("clients that stalled", counts.stalled);
  want("bad requests", counts.bad);
  want("unfinished requests", counts.unfinished);
  want("cancelled requests", requests.at("cancelled").as_int64());
  want("requests set back", requests.at("preemptions").as_int64());
  for (const char* cache : {"prefix", "vision"}) {
    want(std::string(cache) + " cache hits", caches.at(cache).at("hits").as_int64());
    want(std::string(cache) + " cache evictions", caches.at(cache).at("evictions").as_int64());
  }
  return missing;
}

/// Looks at the server again and again while it is busy, and says when it has been for long enough.
class Watcher {
 public:
  Watcher(const RunningServer& server, const SoakCounts& counts, seconds length)
      : server_(server), counts_(counts), length_(length) {}

  /// Returns when the time is over and all has happened; on a slow machine that takes longer.
  void watch() {
    const Clock::time_point begin = Clock::now();
    while (!testing::Test::HasFailure()) {
      const Clock::time_point asked = Clock::now();
      if (asked > begin + kMostTimes * length_) return;
      if (asked > begin + length_ && still_missing(counts_, status_of(server_)).empty()) return;
      look();
      slow_ += Clock::now() - asked > patience(kHealthLimit);
      std::this_thread::sleep_for(milliseconds(50));
    }
  }

  /// The resident memory, KiB, in the middle of what it was in each third of the time.
  std::array<std::int64_t, 3> resident() const {
    std::array<std::int64_t, 3> middle = {};
    const auto third = std::ssize(resident_) / 3;
    for (std::ptrdiff_t i = 0; third > 0 && i < 3; ++i) {
      std::vector<std::int64_t> part(resident_.begin() + i * third,
                                     resident_.begin() + (i + 1) * third);
      std::ranges::sort(part);
      middle[i] = part[part.size() / 2];
    }
    return middle;
  }
  std::int64_t checks() const { return std::ssize(resident_); }
  /// Of these, those that took too long.
  std::int64_t slow() const { return slow_; }

 private:
  void look() {
    const TestResponse health = server_.ask("GET", "/health");
    EXPECT_EQ(health.status, 200);
    const json::value said = json::parse(health.body);
    EXPECT_TRUE(said.at("status") == "ready" || said.at("status") == "busy") << health.body;
    resident_.push_back(process_figure(server_.process(), "VmRSS"));
  }

  const RunningServer& server_;
  const SoakCounts& counts_;
  const seconds length_;
  std::vector<std::int64_t> resident_;
  std::int64_t slow_ = 0;
};

/// Has clients ask until the watcher returns.
void keep_busy(const RunningServer& server, SoakCounts& counts, Watcher& watcher) {
  const std::vector<SoakQuestion> questions = soak_questions();
  std::atomic<bool> ended = false;
  std::vector<std::jthread> clients;
  for (std::uint32_t i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      SoakClient client(server.port(), questions, counts, i);
      guarded([&] {
        while (!ended && !testing::Test::HasFailure()) client.act();
      });
    });
  }
  guarded([&] { watcher.watch(); });
  ended = true;
}

/// Waits until nothing is left of requests and connections: `open` files, as before all clients.
bool comes_to_rest(const RunningServer& server, std::int64_t open) {
  const Clock::time_point limit = Clock::now() + patience(seconds(30));
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

TEST(Soak, TheServerGoesOn) {
  RunningServer server({"--threads", "2", "--kv-memory", "3M", "--vision-cache", "512K",
                        "--max-body", "1M", "--max-waiting", "6"});
  // Whatever is opened once is open then.
  chat(server, question("beach.jpg", "Describe it."));
  const std::int64_t open = open_files(server.process());
  const seconds length = soak_time();
  SoakCounts counts;
  Watcher watcher(server, counts, length);
  keep_busy(server, counts, watcher);
  EXPECT_LE(kSlowChecks * watcher.slow(), watcher.checks()) << "health was late";
  ASSERT_TRUE(comes_to_rest(server, open))
      << open << " open files before, " << open_files(server.process()) << " now";
  const json::value status = status_of(server);
  EXPECT_EQ(still_missing(counts, status), "");
  server.ask("DELETE", "/v1/admin/cache");
  EXPECT_EQ(status_of(server).at("kv_pages").at("used"), 0) << "pages of keys and values are lost";
  const std::array<std::int64_t, 3> resident = watcher.resident();
  EXPECT_LE(resident[2], resident[1] + (length < kLong ? kWarmingKib : kGrowthKib)) << "it grows";
  std::cout << "answers " << counts.answers << " (streams " << counts.streams << "), busy "
            << counts.busy << ", left " << counts.left << ", stalled " << counts.stalled << ", bad "
            << counts.bad << ", broken off " << counts.unfinished << ", caches cleared "
            << counts.cleared << "\nhealth late " << watcher.slow() << " of " << watcher.checks()
            << "; resident KiB in each third: " << resident[0] << " " << resident[1] << " "
            << resident[2] << "\n"
            << status << "\n";
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0) << server.log();
}

}  // namespace
}  // namespace saccade::server
