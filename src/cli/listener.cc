#include "cli/listener.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/reports.h"
#include "cli/standard_streams.h"
#include "cli/text_lines.h"

namespace saccade::cli {
namespace {

// Often enough to look alive, seldom enough to cost nothing.
constexpr std::chrono::milliseconds kProgressInterval{50};
constexpr int kBarWidth = 16;

}  // namespace

void ProgressLine::show(std::string_view text, bool force) {
  if (!enabled_ || text.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!force && visible_ && now - shown_ < kProgressInterval) return;
  write_all(STDERR_FILENO, fmt::format("\r{}\x1b[K", text));
  visible_ = true;
  shown_ = now;
}

void ProgressLine::erase() {
  if (visible_) write_all(STDERR_FILENO, "\r\x1b[K");
  visible_ = false;
}

std::string progress_bar(std::int64_t part, std::int64_t whole) {
  const std::int64_t filled = whole > 0 ? part * kBarWidth / whole : 0;
  std::string text(static_cast<std::size_t>(filled), '=');
  if (filled < kBarWidth) text += '>';
  text.resize(kBarWidth, ' ');
  return "[" + text + "]";
}

std::string progress_text(Stage stage, std::int64_t done, std::int64_t total) {
  switch (stage) {
    case Stage::kLoading:
      return fmt::format("loading the model: {} %",
                         total > 0 ? std::min<std::int64_t>(100, done * 100 / total) : 0);
    case Stage::kMedia:
      return fmt::format("decoding image {} of {}", done + 1, total);
    case Stage::kVision:
      return fmt::format("encoding image {} of {}", done + 1, total);
    case Stage::kPrefill:
      return fmt::format("reading the prompt: {} of {} tokens", done, total);
    case Stage::kDecode:
      break;
  }
  return "";
}

TerminalListener::TerminalListener(bool stream)
    : progress_(stderr_shows_progress()), stream_(stream), terminal_(stdout_is_terminal()) {}

void TerminalListener::on_progress(Stage stage, std::int64_t done, std::int64_t total) {
  // While it prefills and decodes the engine asks cancelled() and keeps what it has so far.
  const bool asks = stage == Stage::kPrefill || stage == Stage::kDecode;
  if (!asks && interrupted()) {
    progress_.erase();
    throw Interrupted();
  }
  if (stage == Stage::kDecode) return;
  progress_.show(progress_text(stage, done, total), stage != stage_);
  stage_ = stage;
}

void TerminalListener::on_text(const std::string& piece) {
  if (!stream_ || write_error_ != 0) return;
  progress_.erase();
  const std::string text = terminal_ ? terminal_text(piece) : piece;
  if (text.empty()) return;
  write_error_ = write_all(STDOUT_FILENO, text);
  in_line_ = text.back() != '\n';
  wrote_ = true;
}

bool TerminalListener::cancelled() {
  return interrupted() || write_error_ != 0;
}

void TerminalListener::finish(bool complete) {
  progress_.erase();
  stage_ = Stage::kDecode;
  const bool line_break = stream_ && (in_line_ || (complete && !wrote_));
  if (line_break && write_error_ == 0) write_error_ = write_all(STDOUT_FILENO, "\n");
  in_line_ = false;
  wrote_ = false;
  if (write_error_ != 0) throw_output_error(write_error_);
}

void show_start_line(const std::string& model, const EngineOptions& options) {
  if (!stderr_shows_progress()) return;
  const DeviceInfo device = device_info(options);
  write_all(STDERR_FILENO,
            fmt::format("{} on {} ({})\n", one_line(model), device.name, device_powers(device)));
}

}  // namespace saccade::cli
