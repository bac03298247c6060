// What a person sees while files are downloaded.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include "cli/listener.h"
#include "saccade/hub.h"

namespace saccade::cli {

/// Bytes a second over the last moments, so that it follows a network that changes.
class RateMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `bytes`: all that came until `now`.
  void add(Time now, std::int64_t bytes);
  /// 0 until there is something to go by.
  double bytes_per_second() const;

 private:
  std::deque<std::pair<Time, std::int64_t>> samples_;
};

/// "[====>     ]  42 %  1.85 GiB of 4.40 GiB  35.2 MiB/s  1 min 14 s left", under 80 columns.
std::string pull_text(const hub::PullProgress& progress, double bytes_per_second);

/// A bar on a terminal, a line for each file elsewhere; both on standard error. Ctrl-C cancels.
class PullTerminalListener : public hub::PullListener {
 public:
  PullTerminalListener();

  void on_progress(const hub::PullProgress& progress) override;
  void on_file(const hub::FileInfo& file, bool already_there) override;
  void on_notice(const std::string& line) override;
  void on_choice_needed(const std::vector<hub::FileInfo>& files) override;
  bool cancelled() override;

  /// Takes the bar away.
  void finish() { progress_.erase(); }
  /// Says something on standard error, above the bar.
  void say(const std::string& line);

 private:
  ProgressLine progress_;
  RateMeter rate_;
};

}  // namespace saccade::cli
