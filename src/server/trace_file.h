// A trace of all requests as a file that Perfetto and Chrome's about:tracing read.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "saccade/trace.h"

namespace saccade::server {

/// Writes the JSON array format of Chrome's traces ("Trace Event Format"), a line for each event: a
/// process of this name with a thread for each request, and its spans as complete events. A thread
/// of its own writes, at least twice a second; what waits is bounded, and what comes while the
/// bound is reached is counted and left out. Without its end, as a process that is killed leaves
/// it, the array is a trace all the same.
class TraceFile : public TraceListener {
 public:
  /// Replaces the file. Throws Error.
  explicit TraceFile(const std::string& path);
  /// Writes what is left and the array's end.
  ~TraceFile() override;
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  std::int64_t new_request() override { return ++requests_; }
  void on_span(const TraceSpan& span) override;

 private:
  void run();
  void write_out(const std::string& text);

  const std::string path_;
  const int file_;
  const TraceSpan::Clock::time_point start_;
  std::atomic<std::int64_t> requests_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::string waiting_;
  std::int64_t dropped_ = 0;  // spans, since the last that was taken
  bool ending_ = false;
  bool failed_ = false;  // of the thread: the disk takes no more
  std::thread thread_;
};

}  // namespace saccade::server
