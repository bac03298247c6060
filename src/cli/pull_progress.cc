#include "cli/pull_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/interrupt.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/standard_streams.h"
#include "cli/table.h"
#include "cli/text_lines.h"

namespace saccade::cli {
namespace {

// Long enough to be steady, short enough to follow.
constexpr std::chrono::milliseconds kRateWindow{5000};
constexpr std::chrono::milliseconds kSampleInterval{100};

std::string size_text(std::int64_t bytes) {
  return bytes < 0 ? "size unknown" : short_bytes(bytes);
}

}  // namespace

void RateMeter::add(Time now, std::int64_t bytes) {
  if (!samples_.empty() && now - samples_.back().first < kSampleInterval) return;
  samples_.emplace_back(now, bytes);
  while (samples_.size() > 2 && now - samples_.front().first > kRateWindow) samples_.pop_front();
}

double RateMeter::bytes_per_second() const {
  if (samples_.size() < 2) return 0.0;
  const std::chrono::duration<double> seconds = samples_.back().first - samples_.front().first;
  const std::int64_t bytes = samples_.back().second - samples_.front().second;
  return seconds.count() > 0.0 ? static_cast<double>(bytes) / seconds.count() : 0.0;
}

std::string pull_text(const hub::PullProgress& progress, double bytes_per_second) {
  const std::int64_t left = progress.total_bytes - progress.done_bytes;
  const std::int64_t share =
      progress.total_bytes > 0 ? progress.done_bytes * 100 / progress.total_bytes : 100;
  std::string text =
      fmt::format("{} {:>3} %  {} of {}", progress_bar(progress.done_bytes, progress.total_bytes),
                  share, short_bytes(progress.done_bytes), short_bytes(progress.total_bytes));
  if (progress.checking) return text + "  checking";
  text += fmt::format("  {}/s", short_bytes(static_cast<std::int64_t>(bytes_per_second)));
  // Slower than that, and nobody knows.
  if (bytes_per_second >= 1.0) {
    text += fmt::format("  {} left", duration(std::max(1000.0, static_cast<double>(left) * 1000.0 /
                                                                   bytes_per_second)));
  }
  return text;
}

PullTerminalListener::PullTerminalListener() : progress_(stderr_shows_progress()) {}

void PullTerminalListener::on_progress(const hub::PullProgress& progress) {
  rate_.add(std::chrono::steady_clock::now(), progress.received_bytes);
  progress_.show(pull_text(progress, rate_.bytes_per_second()), false);
}

void PullTerminalListener::on_file(const hub::FileInfo& file, bool already_there) {
  if (progress_.enabled()) return;
  say(fmt::format("{}: {}{}", file.name, size_text(file.bytes),
                  already_there ? ", already there" : ""));
}

void PullTerminalListener::on_notice(const std::string& line) {
  say(line);
}

void PullTerminalListener::on_choice_needed(const std::vector<hub::FileInfo>& files) {
  Table table({Align::kLeft, Align::kRight});
  for (const hub::FileInfo& file : files) {
    table.add_row({one_line(file.name), size_text(file.bytes)});
  }
  progress_.erase();
  write_all(STDERR_FILENO, table.text());
}

bool PullTerminalListener::cancelled() {
  return interrupted();
}

void PullTerminalListener::say(const std::string& line) {
  progress_.erase();
  write_all(STDERR_FILENO, one_line(line) + "\n");
}

}  // namespace saccade::cli
