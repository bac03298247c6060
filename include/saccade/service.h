// Answering many requests at once: they come and go at every step of the model.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "saccade/engine.h"

namespace saccade {

class TraceListener;  // saccade/trace.h

struct ServiceOptions {
  /// Requests that may wait for their turn; one more is refused with QueueFull.
  int max_waiting = 256;
  /// Requests that are answered at a time; 0: as many as the model's memory holds.
  int max_running = 0;
  /// Threads that decode pictures and tokenize prompts beside the model; 0: one for each core, at
  /// most four.
  int preparation_threads = 0;
  /// How much longer than a step of answers alone a step may take because of others' pictures and
  /// prompts, as a multiple of it.
  double max_slowdown = 1.5;
  /// Hears what is done for each request, and when; it outlives the service. Null: nobody asks.
  TraceListener* trace = nullptr;
};

/// The service has as many requests as it takes.
class QueueFull : public Error {
 public:
  explicit QueueFull(const std::string& message) : Error(message) {}
};

/// Hears what becomes of a request. Called on threads of the service, one call at a time; a call
/// must be quick, for while it lasts every request waits.
class RequestListener {
 public:
  virtual ~RequestListener() = default;
  /// The prompt has been read: its tokens are counted, those of pictures too.
  virtual void on_prompt(const Usage& /*usage*/) {}
  /// The next piece of the answer, whole UTF-8 characters, and, where they were asked for, the
  /// log-probabilities of the tokens since the last call. Either may be empty.
  virtual void on_text(const std::string& /*piece*/,
                       std::span<const GeneratedLogprob> /*logprobs*/) {}
  /// The answer is complete, or was cancelled. The last call.
  virtual void on_result(Result result) = 0;
  /// The request failed. The last call.
  virtual void on_error(const Error& error) = 0;
};

struct CacheStatus {
  std::int64_t bytes = 0;
  std::int64_t budget_bytes = 0;
  std::int64_t entries = 0;  ///< pictures, or pages
  std::int64_t evictions = 0;
  std::int64_t hits = 0;    ///< pictures, or prompt tokens, whose work was skipped
  std::int64_t misses = 0;  ///< those whose work was done
};

/// The caches' part on a disk.
struct DiskCacheStatus {
  std::int64_t bytes = 0;  ///< of all models that share the directory, as last counted
  std::int64_t budget_bytes = 0;
  std::int64_t entries = 0;
  std::int64_t evictions = 0;
  std::int64_t reads = 0;     ///< pages, states and pictures taken from there
  std::int64_t writes = 0;    ///< and put there
  std::int64_t skipped = 0;   ///< not put there: the disk was too slow or full
  std::int64_t rejected = 0;  ///< files that were damaged
};

/// A moment of a service's life. Counts are since it began.
struct ServiceStatus {
  int waiting = 0;  ///< requests that have not been given to the model
  int running = 0;  ///< requests that have
  bool draining = false;
  std::int64_t finished = 0;
  std::int64_t failed = 0;
  std::int64_t cancelled = 0;
  std::int64_t preemptions = 0;  ///< requests set back because memory for keys and values ran out
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  double tokens_per_second = 0.0;  ///< of answers, in the last ten seconds
  std::int64_t steps = 0;
  std::int64_t kv_pages_used = 0;  ///< by running requests and by the prefix cache
  std::int64_t kv_pages = 0;
  CacheStatus prefix_cache;
  CacheStatus vision_cache;
  std::optional<DiskCacheStatus> disk_cache;  ///< where there is one
};

/// A request that was submitted. Letting go of it changes nothing.
class Ticket {
 public:
  /// Ends the request within a step, with FinishReason::kCancelled. From any thread, at any time.
  void cancel() { *cancelled_ = true; }

 private:
  friend class Service;
  explicit Ticket(std::shared_ptr<std::atomic<bool>> cancelled)
      : cancelled_(std::move(cancelled)) {}
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

/// An engine that any number of threads may ask at once. One thread of its own runs the model;
/// pictures are decoded beside it, and towers run in slices between the steps of running answers.
/// The tokens of an answer are those that the engine would give alone (GPU: if it is
/// batch-invariant), whatever else is asked and whatever the caches hold.
class Service {
 public:
  /// Throws Error (usage) for options out of range.
  explicit Service(Engine engine, const ServiceOptions& options = {});
  /// Cancels what is running.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const ModelInfo& info() const;
  /// Numbers of an embedding; see Request::embedding.
  std::int64_t embedding_size() const;

  /// Takes a request; what is wrong with it is said to the listener. Throws QueueFull, and Error
  /// when the service is draining.
  Ticket submit(Request request, std::shared_ptr<RequestListener> listener);
  /// The same, waiting for the answer. Throws Error.
  Result generate(Request request);

  /// The tokens of a request without answering it. Throws Error.
  TokenMath count_tokens(const Request& request) const;

  ServiceStatus status() const;
  /// Forgets all pictures and pages that no running request uses.
  void clear_caches();
  /// Takes no more requests from now on, and returns when the last one has ended, or after
  /// `limit_ms`, when what still runs has been cancelled.
  void drain(std::optional<std::int64_t> limit_ms = std::nullopt);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saccade
