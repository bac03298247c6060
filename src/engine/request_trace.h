// Telling a trace what becomes of one request.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "engine/sequence.h"
#include "saccade/trace.h"

namespace saccade::engine {

/// The spans of one request as a TraceListener hears of them; without one nothing is done. One
/// thread at a time.
class RequestTrace {
 public:
  RequestTrace() = default;
  /// `listener` may be null; `submitted`: when the request came.
  RequestTrace(TraceListener* listener, Clock::time_point submitted)
      : listener_(listener),
        number_(listener ? listener->new_request() : 0),
        submitted_(submitted),
        settled_(submitted) {}

  /// What was done with it since the last call of this, or since it came.
  void next(std::string_view name, std::initializer_list<TraceSpan::Argument> arguments = {});
  /// Has the sequence tell of its chunks and slices. It must not outlive this.
  void follow(Sequence& sequence);
  /// It is over. Sequence and usage are null where it had none.
  void end(std::string_view label, std::string_view outcome, const Sequence* sequence,
           const Usage* usage);

 private:
  void tell(std::string_view name, Clock::time_point begin, Clock::time_point end,
            std::initializer_list<TraceSpan::Argument> arguments = {}) const;

  TraceListener* listener_ = nullptr;
  std::int64_t number_ = 0;
  Clock::time_point submitted_;
  Clock::time_point settled_;  // until when all has been told
};

}  // namespace saccade::engine
