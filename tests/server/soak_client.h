// One of the soak test's clients.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "server/http_client.h"
#include "server/soak_questions.h"

namespace saccade::server {

/// How often what happened, over all clients.
struct SoakCounts {
  std::atomic<int> answers = 0;     ///< complete ones, each as the engine alone gives it
  std::atomic<int> streams = 0;     ///< of these
  std::atomic<int> busy = 0;        ///< refused with 429, as there were too many
  std::atomic<int> left = 0;        ///< clients gone before their answer's end
  std::atomic<int> stalled = 0;     ///< that had not read it for a while before
  std::atomic<int> bad = 0;         ///< malformed requests, refused as they should be
  std::atomic<int> unfinished = 0;  ///< requests that broke off
  std::atomic<int> cleared = 0;     ///< caches that were forgotten
};

/// Asks at random, well and badly, reads or leaves, and fails the test where an answer is not what
/// it must be.
class SoakClient {
 public:
  SoakClient(std::uint16_t port, const std::vector<SoakQuestion>& questions, SoakCounts& counts,
             std::uint32_t seed)
      : port_(port), questions_(questions), counts_(counts), random_(seed) {}

  /// One thing that clients do.
  void act();

 private:
  const SoakQuestion& some_question() { return questions_[random_() % questions_.size()]; }
  void ask_whole();
  void ask_streaming();
  void leave();
  void stall();
  void send_what_is_wrong();
  void break_off();
  void clear_caches();
  /// Whether the request was taken; 429 with its Retry-After is counted.
  bool taken(const TestResponse& response);

  std::uint16_t port_;
  const std::vector<SoakQuestion>& questions_;
  SoakCounts& counts_;
  std::mt19937 random_;
};

}  // namespace saccade::server
