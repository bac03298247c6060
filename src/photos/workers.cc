#include "photos/workers.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory_info.h"
#include "photos/clock.h"
#include "photos/jobs.h"

namespace saccade::photos {
namespace {

// Other processes add photos too: how long one may lie before it is seen.
constexpr std::chrono::milliseconds kLook{100};
constexpr std::int64_t kFirstPauseMs = 1'000;
constexpr std::int64_t kLongestPauseMs = 60'000;

}  // namespace

Workers::Workers(Library& library, WorkLock lock)
    : library_(library), lock_(std::move(lock)), models_(library.settings()) {
  library_.database().write([&](Connection& connection) {
    recover_jobs(connection, library_.settings(), now_ms());
    queue_new_tiers(connection, library_.settings(), now_ms());
  });
  for (const Tier& tier : library_.settings().tiers) {
    state_[tier.name];
    for (int i = 0; i < tier.concurrency; ++i) {
      threads_.emplace_back([this, &tier] { work(tier); });
    }
  }
}

Workers::~Workers() {
  stop();
}

void Workers::wake() {
  {
    const std::scoped_lock lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

void Workers::try_again(const std::string& tier) {
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [name, state] : state_) {
      if (tier.empty() || name == tier) state.not_before = 0;
    }
  }
  wake();
}

void Workers::stop() {
  stopping_ = true;
  wake();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Workers::sleep(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const std::uint64_t before = wakes_;
  changed_.wait_for(lock, limit, [&] { return wakes_ != before || stopping_; });
}

class Workers::Hand {
 public:
  Hand(Workers& workers, bool alone) : workers_(workers) {
    const std::scoped_lock lock(workers_.mutex_);
    taken_ = !workers_.alone_ && (!alone || workers_.in_hand_ == 0);
    if (!taken_) return;
    ++workers_.in_hand_;
    workers_.alone_ = alone;
  }
  ~Hand() {
    if (!taken_) return;
    const std::scoped_lock lock(workers_.mutex_);
    --workers_.in_hand_;
    workers_.alone_ = false;
  }
  Hand(const Hand&) = delete;
  Hand& operator=(const Hand&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  Workers& workers_;
  bool taken_ = false;
};

Workers::Turn Workers::turn_of(const Tier& tier, std::int64_t now) {
  const auto is_troubled = [&](const std::string& name) {
    const std::scoped_lock lock(mutex_);
    return !state_[name].trouble.empty();
  };
  {
    const std::scoped_lock lock(mutex_);
    if (state_[tier.name].not_before > now) return Turn::kNone;
  }
  return library_.database().read([&](Connection& connection) {
    const std::vector<std::string> suspected = tiers_with_suspects(connection, now);
    if (std::ranges::find(suspected, tier.name) != suspected.end()) return Turn::kSuspects;
    for (const std::string& other : suspected) {
      if (library_.settings().find(other) != nullptr && !is_troubled(other)) return Turn::kNone;
    }
    // Looking first spares the lock for writing while there is nothing to do.
    const bool ready = query_integer(connection,
                                     "SELECT EXISTS (SELECT 1 FROM jobs WHERE tier = ?1 AND state "
                                     "IN ('waiting', 'failed') AND not_before <= ?2)",
                                     tier.name, now) != 0;
    if (!ready) return Turn::kNone;
    if (!tier.background) return Turn::kAny;
    for (const Tier& earlier : library_.settings().tiers) {
      if (earlier.name == tier.name) break;
      if (!is_troubled(earlier.name) && tier_is_busy(connection, earlier.name, now)) {
        return Turn::kNone;
      }
    }
    return Turn::kAny;
  });
}

void Workers::work(const Tier& tier) {
  TierRunner runner(library_, models_);
  while (!stopping_) {
    try {
      work_once(tier, runner);
    } catch (const Error& error) {  // the database itself
      pause(tier, error.what());
      sleep(kLook);
    }
  }
}

void Workers::work_once(const Tier& tier, TierRunner& runner) {
  const std::int64_t now = now_ms();
  const Turn turn = turn_of(tier, now);
  if (turn == Turn::kNone) {
    sleep(kLook);
    return;
  }
  const bool alone = turn == Turn::kSuspects;
  if (const Hand hand(*this, alone); hand) {
    const auto job = library_.database().write(
        [&](Connection& connection) { return claim_job(connection, tier.name, now, alone); });
    if (job) run_job(tier, runner, *job);
  } else {
    sleep(kLook);
  }
}

void Workers::run_job(const Tier& tier, TierRunner& runner, const Job& job) {
  const auto put_back = [&] {
    settle([&](Connection& connection) { return_job(connection, job, now_ms()); });
  };
  try {
    runner.run(job, stopping_);
    end_well(tier);
  } catch (const VlmUnavailable& error) {
    if (stopping_) {
      put_back();
      return;
    }
    // Once, it may be the photo's fault. Again and again, it is the model's.
    const int failures = pause(tier, error.what());
    settle([&](Connection& connection) {
      if (failures == 1) {
        fail_job(connection, library_.settings(), job, error.what(), false, now_ms());
      } else {
        return_job(connection, job, now_ms());
      }
    });
  } catch (const Error& error) {
    pause(tier, error.what());
    put_back();
  } catch (const std::exception& error) {
    settle([&](Connection& connection) {
      fail_job(connection, library_.settings(), job, error.what(), false, now_ms());
    });
  }
  // Pictures of twelve megapixels come and go on every thread: what one leaves is not kept for it.
  return_free_memory();
  wake();  // what was finished may have begun something else
}

template <typename Work>
void Workers::settle(const Work& work) {
  while (true) {
    try {
      library_.database().write(work);
      return;
    } catch (const LibraryError&) {
      // The disk is full: what cannot be said now can be later. A job that stays as running is
      // found by the next process.
      if (stopping_) return;
      sleep(kLook);
    }
  }
}

void Workers::end_well(const Tier& tier) {
  const std::scoped_lock lock(mutex_);
  state_[tier.name] = {};
}

int Workers::pause(const Tier& tier, const std::string& why) {
  const std::scoped_lock lock(mutex_);
  TierState& state = state_[tier.name];
  state.trouble = why;
  const int failures = ++state.failures;
  state.not_before =
      now_ms() + std::min(kFirstPauseMs << std::min(failures - 1, 20), kLongestPauseMs);
  return failures;
}

void Workers::wait_until_idle() {
  while (!stopping_) {
    const bool busy = library_.database().read([&](Connection& connection) {
      for (const Tier& tier : library_.settings().tiers) {
        {
          const std::scoped_lock lock(mutex_);
          if (!state_[tier.name].trouble.empty()) continue;
        }
        if (query_integer(connection,
                          "SELECT EXISTS (SELECT 1 FROM jobs WHERE tier = ?1 AND state IN "
                          "('running', 'waiting', 'failed'))",
                          tier.name) != 0) {
          return true;
        }
      }
      return false;
    });
    if (!busy) return;
    sleep(kLook);
  }
}

std::map<std::string, std::string> Workers::troubles() const {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, std::string> troubles;
  for (const auto& [tier, state] : state_) {
    if (!state.trouble.empty()) troubles[tier] = state.trouble;
  }
  return troubles;
}

}  // namespace saccade::photos
