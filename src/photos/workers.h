// The threads that work on the library's queue.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "photos/library.h"
#include "photos/tier_runner.h"

namespace saccade::photos {

/// Works on all tiers at once, each with its own threads; but on photos at which the program ended
/// (recover_jobs()) first and one at a time, so that it becomes known which one it was. Of one
/// process at a time: the library's WorkLock says which.
class Workers {
 public:
  /// Begins, with what ran when the last process died. `library` must outlive it.
  Workers(Library& library, WorkLock lock);
  /// stop()
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Has the threads look at the queue at once.
  void wake();
  /// The same for a tier that waits because of its trouble (empty: for all of them).
  void try_again(const std::string& tier);
  /// Ends what is in hand within a step; it waits in the queue again.
  void stop();
  /// Returns when nothing is left that could be done now: what has failed and waits for its next
  /// attempt counts as left, what is stopped by trouble does not. Also after stop().
  void wait_until_idle();

  /// What keeps tiers from working, such as a model that is down: tier and one line.
  std::map<std::string, std::string> troubles() const;

 private:
  struct TierState {
    std::string trouble;  // empty: none
    int failures = 0;     // one after the other, of the model or the library
    std::int64_t not_before = 0;
  };

  /// Which jobs a tier's threads may begin now.
  enum class Turn { kNone, kAny, kSuspects };
  /// That a job is in hand, alone or beside others; false: not now.
  class Hand;

  void work(const Tier& tier);
  void work_once(const Tier& tier, TierRunner& runner);
  Turn turn_of(const Tier& tier, std::int64_t now);
  void run_job(const Tier& tier, TierRunner& runner, const Job& job);
  /// Stores how a job ended, as soon as the library can be written.
  template <typename Work>
  void settle(const Work& work);
  void end_well(const Tier& tier);
  /// Says what is wrong, and has the tier wait for a while.
  int pause(const Tier& tier, const std::string& why);
  void sleep(std::chrono::milliseconds limit);

  Library& library_;
  const WorkLock lock_;
  TierModels models_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t wakes_ = 0;                 // guarded by mutex_
  std::map<std::string, TierState> state_;  // guarded by mutex_
  int in_hand_ = 0;                         // jobs; guarded by mutex_
  bool alone_ = false;                      // the one in hand is a suspect; guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace saccade::photos
