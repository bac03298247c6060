// Ctrl-C, and SIGTERM where a command has something to put in order before it ends.
#pragma once

#include <csignal>
#include <initializer_list>
#include <utility>
#include <vector>

namespace saccade::cli {

/// Thrown to unwind work that a signal ended.
struct Interrupted {
  int signal = SIGINT;
};

/// While it lives, Ctrl-C is noted instead of ending the process, or each of the signals that are
/// given. A second one before the first was noticed ends the process after all, so a step that
/// hangs can still be left.
class InterruptScope {
 public:
  explicit InterruptScope(std::initializer_list<int> signals = {SIGINT});
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  std::vector<std::pair<int, struct sigaction>> previous_;
  int outer_pipe_[2] = {-1, -1};
};

/// Whether a signal came since the scope began or since clear_interrupt().
bool interrupted();
/// That signal; 0: none.
int interrupting_signal();
void clear_interrupt();

/// A descriptor that can be read from once a signal has come, for whoever waits for input besides:
/// one between looking at interrupted() and waiting would be missed. -1 outside of any scope.
int interrupt_descriptor();

}  // namespace saccade::cli
