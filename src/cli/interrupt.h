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
  int outer_pipe_[2] = {-1, -1};
};

/// Whether Ctrl-C came since the scope began or since clear_interrupt().
bool interrupted();
void clear_interrupt();

/// A descriptor that can be read from once Ctrl-C has come, for whoever waits for input besides: a
/// signal between looking at interrupted() and waiting would be missed. -1 outside of any scope.
int interrupt_descriptor();

}  // namespace saccade::cli
