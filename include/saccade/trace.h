// What a service does for each request, as it does it.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace saccade {

/// A stretch of a request's life.
struct TraceSpan {
  /// A number with its name.
  struct Argument {
    std::string_view name;
    std::int64_t value;
  };
  using Clock = std::chrono::steady_clock;

  std::int64_t request = 0;  ///< its number: TraceListener::new_request
  /// "waiting" for a thread that prepares it, "preparing" (its pictures decoded, its prompt
  /// tokenized), "queued" for its turn, "vision" (a slice of the tower's work), "prefill" (a chunk
  /// of its prompt), "decode" (from the first token to the last); and "request", the last of its
  /// spans, which holds the others.
  std::string_view name;
  Clock::time_point begin;
  Clock::time_point end;
  std::span<const Argument> arguments;  ///< tokens, what caches saved
  std::string_view label = {};          ///< of "request": Request::name
  std::string_view outcome = {};        ///< of "request": "stop", "length", "cancelled" or "failed"
};

/// Hears of every span when it is over. Called on threads of a service, several at a time; a call
/// must be quick and not throw, and what it is given is valid while it lasts.
class TraceListener {
 public:
  virtual ~TraceListener() = default;
  /// A number that no request had, in whichever service that tells this listener.
  virtual std::int64_t new_request() = 0;
  virtual void on_span(const TraceSpan& span) = 0;
};

}  // namespace saccade
