// A request on its way through a service.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "engine/request_trace.h"
#include "engine/sequence.h"
#include "saccade/service.h"

namespace saccade::engine {

/// One thread at a time has it; only `cancelled` is shared. `traces` may be null.
struct Job {
  Job(Request asked, std::shared_ptr<RequestListener> hears, TraceListener* traces);

  const std::shared_ptr<const Request> request;
  const std::shared_ptr<RequestListener> listener;
  const std::shared_ptr<std::atomic<bool>> cancelled;
  const Clock::time_point submitted;
  RequestTrace trace;
  SequenceInput input;                 // once it is prepared
  std::unique_ptr<Sequence> sequence;  // once it runs
  std::size_t logprobs_sent = 0;
  std::int64_t tokens_counted = 0;  // of the answer, for the rate

  /// Listeners are the caller's: one that throws loses its request, and nobody else's.
  template <typename Call>
  void tell(Call&& call) {
    try {
      call(*listener);
    } catch (...) {
      *cancelled = true;
    }
  }

  /// What the prompt has come to, once it is prepared.
  void tell_prompt();
  /// A piece of the answer, with the log-probabilities that were not sent before.
  void send(const std::string& piece);
  /// Of its sequence, which has ended and did not fail; after what is left to send. `load_ms`: what
  /// loading the model took.
  Result take_result(double load_ms);
  /// It has ended in another way, which the listener is told.
  void end_cancelled();
  void end_failed(const Error& error);
};

using Jobs = std::deque<std::unique_ptr<Job>>;

/// Puts a job where it belongs, in order of priority, then of arrival.
void insert(Jobs& jobs, std::unique_ptr<Job> job);
/// Moves those that were cancelled from `jobs` to `dropped`.
void drop_cancelled(Jobs& jobs, Jobs& dropped);

}  // namespace saccade::engine
