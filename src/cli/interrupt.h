// Ctrl-C.
#pragma once

#include <csignal>

namespace saccade::cli {

/// Thrown to unwind work that Ctrl-C ended.
struct Interrupted {};

/// While it lives, Ctrl-C is noted instead of ending the process. A second one before the first was
/// noticed ends the process after all, so a step that hangs can still be left.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  struct sigaction previous_ = {};
};

/// Whether Ctrl-C came since the scope began or since clear_interrupt().
bool interrupted();
void clear_interrupt();

}  // namespace saccade::cli
