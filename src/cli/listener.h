// What a person sees while a request runs.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "saccade/engine.h"

namespace saccade::cli {

/// One line on standard error that is written over again and again, and erased at the end.
class ProgressLine {
 public:
  explicit ProgressLine(bool enabled) : enabled_(enabled) {}
  ~ProgressLine() { erase(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool enabled() const { return enabled_; }
  /// Shows the text, unless the last one has been there for only a moment and `force` is not set.
  void show(std::string_view text, bool force);
  void erase();

 private:
  bool enabled_;
  bool visible_ = false;
  std::chrono::steady_clock::time_point shown_{};
};

/// "[=====>          ]", the same width whatever the share.
std::string progress_bar(std::int64_t part, std::int64_t whole);

/// "encoding image 1 of 2"; empty for a stage that is not worth a line.
std::string progress_text(Stage stage, std::int64_t done, std::int64_t total);

/// Shows progress, streams the text and passes Ctrl-C on to the engine.
class TerminalListener : public Listener {
 public:
  /// `stream`: write the answer to standard output as it comes.
  explicit TerminalListener(bool stream);

  /// Throws Interrupted after Ctrl-C in the stages in which the engine does not ask cancelled().
  void on_progress(Stage stage, std::int64_t done, std::int64_t total) override;
  void on_text(const std::string& piece) override;
  bool cancelled() override;

  /// Ends the line of the answer: always when `complete`, otherwise only where text was left in the
  /// middle of one. Throws when standard output has failed.
  void finish(bool complete);

 private:
  ProgressLine progress_;
  bool stream_;
  bool terminal_;         // standard output is one
  bool in_line_ = false;  // text without a line break stands at the end
  bool wrote_ = false;
  int write_error_ = 0;  // errno; set in a callback, thrown outside of the engine
  Stage stage_ = Stage::kDecode;
};

/// Says on a terminal's standard error which model runs on what.
void show_start_line(const std::string& model, const EngineOptions& options);

}  // namespace saccade::cli
