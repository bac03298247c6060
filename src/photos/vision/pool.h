// Tools that only one thread at a time may use, kept for the next.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace saccade::photos {

/// Hands out tools that are costly to make. There are as many as were ever used at once.
template <typename Tool>
class Pool {
 public:
  /// `make` may throw; several threads may call it at once.
  explicit Pool(std::function<std::unique_ptr<Tool>()> make) : make_(std::move(make)) {}

  struct GiveBack {
    Pool* pool;
    void operator()(Tool* tool) const { pool->put(std::unique_ptr<Tool>(tool)); }
  };
  using Lease = std::unique_ptr<Tool, GiveBack>;

  /// A tool until the lease ends, which must be before the pool does.
  Lease take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Lease lease(idle_.back().release(), GiveBack{this});
        idle_.pop_back();
        return lease;
      }
    }
    return Lease(make_().release(), GiveBack{this});
  }

 private:
  void put(std::unique_ptr<Tool> tool) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(tool));
  }

  std::function<std::unique_ptr<Tool>()> make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Tool>> idle_;
};

}  // namespace saccade::photos
