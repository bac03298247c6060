// The models of a server: which of them are loaded, who uses them and who waits for them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/api_error.h"

namespace saccade::server {

/// What a pool holds of a model while it is loaded. Its end cancels what runs.
class HostedModel {
 public:
  virtual ~HostedModel() = default;
  /// Takes no more requests, and waits up to `limit_ms` for those there are; then they end.
  virtual void drain(std::int64_t limit_ms) = 0;
};

/// Whoever has one may use the model: it is not unloaded before the last copy is gone.
using ModelUse = std::shared_ptr<HostedModel>;

enum class ModelState { kUnloaded, kQueued, kLoading, kLoaded, kUnloading, kFailed };

/// "unloaded", "loading" (also while others are loaded first), "loaded", "unloading" or "failed".
std::string_view state_name(ModelState state);

/// A request that needs a model. One of its functions is called, once and from any thread, unless
/// the request is dropped before. They must not throw.
class ModelRequest {
 public:
  virtual ~ModelRequest() = default;
  virtual void granted(ModelUse model) = 0;
  virtual void refused(const ApiError& error) = 0;
};

struct PooledModel {
  std::string name;
  std::int64_t bytes = 0;  ///< that it takes while it is loaded
  bool at_start = true;    ///< it is loaded before anybody asks
};

struct PoolOptions {
  std::optional<std::int64_t> budget_bytes;       ///< for all that are loaded; none: no limit
  int max_waiting = 256;                          ///< requests that may wait for models
  std::chrono::milliseconds wait_limit{120'000};  ///< how long each of them may
  /// After a model has waited that long for room, requests for those that must make it wait behind.
  std::chrono::milliseconds yield_after{5'000};
};

/// What a pool is given by those who know what models are. Called on its own threads.
struct PoolCalls {
  /// Loads a model, telling from 0 to 1 how far it is; that throws to end the loading.
  std::function<std::unique_ptr<HostedModel>(std::size_t model,
                                             const std::function<void(double)>& on_progress)>
      load;
  /// A line for the log.
  std::function<void(const std::string& event)> note = [](const std::string&) {};
};

/// A moment of a model's life.
struct PooledStatus {
  ModelState state = ModelState::kUnloaded;
  double progress = 0.0;  ///< of loading, 0 to 1
  std::string reason;     ///< why it failed
  int waiting = 0;        ///< requests that wait for it to be loaded
  /// While it is loaded. Short-lived: an unloading waits for it.
  ModelUse model;
};

/// Loads models when they are needed, one at a time and in the order in which they were asked for.
/// Within a budget the least recently used ones make room, but none that a request uses.
///
/// Two threads: one loads and unloads, the other one tells requests what became of them.
class ModelPool {
 public:
  ModelPool(const std::vector<PooledModel>& models, const PoolOptions& options, PoolCalls calls);
  /// Ends loading, refuses who waits, and cancels what runs.
  ~ModelPool();
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;

  /// Gives `request` the model: here and now if it is loaded, otherwise once it is. With `retry`
  /// one that could not be loaded is tried again. Throws ApiError when too many requests wait
  /// (429), when the model could not be loaded or the server is stopping (503).
  void ask(std::size_t model, std::shared_ptr<ModelRequest> request, bool retry = false);
  /// Forgets a request that waits: its client has left.
  void drop(const ModelRequest* request);
  /// Unloads a model, and forgets why it could not be loaded. Throws ApiError (409) while it is
  /// used or loaded.
  void unload(std::size_t model);

  PooledStatus status(std::size_t model);
  bool stopping() const { return stopping_; }
  /// Takes no more requests, and waits up to `limit_ms` for those that run; then they end.
  void drain(std::int64_t limit_ms);

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    std::shared_ptr<ModelRequest> request;
    Clock::time_point since;
  };
  struct Entry {
    std::size_t index = 0;
    PooledModel about;
    ModelState state = ModelState::kUnloaded;
    std::atomic<double> progress = 0.0;
    std::string reason;
    std::unique_ptr<HostedModel> model;
    int uses = 0;         // by requests
    int observers = 0;    // that ask for its status
    bool wanted = false;  // also where nobody waits for it
    bool yields = false;  // others wait too long for its memory: nobody gets it until they have it
    std::uint64_t last_used = 0;
    Clock::time_point queued_since;
    Clock::time_point loaded_since;
    std::deque<Waiting> waiting;

    /// It cannot be unloaded just now: somebody uses it, or is about to.
    bool busy() const {
      return uses > 0 || (!waiting.empty() && !yields) || state == ModelState::kUnloading;
    }
  };
  using Lock = std::unique_lock<std::mutex>;

  void run_loader();
  void load(Entry& entry, Lock& lock);
  void unload(Entry& entry, Lock& lock);
  void make_room(const Entry& wanted, Lock& lock);
  std::vector<Entry*> leaving_for(const Entry& wanted);
  void enqueue(Entry& entry);
  void leave_queue(Entry& entry);
  void end_yielding();

  void run_desk();
  bool serve_one(Lock& lock);
  std::optional<ApiError> refusal(const Entry& entry) const;
  bool grantable(const Entry& entry) const;
  ModelUse use(Entry& entry, int Entry::*counter);
  void release(Entry& entry, int Entry::*counter);

  const PoolOptions options_;
  const PoolCalls calls_;
  std::atomic<bool> stopping_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<Entry> entries_;
  std::deque<Entry*> queue_;  // to be loaded, in order
  std::uint64_t clock_ = 0;   // of uses
  int waiting_ = 0;
  bool ending_ = false;

  std::thread loader_;
  std::thread desk_;
};

}  // namespace saccade::server
