#include "cli/interrupt.h"

#include <atomic>

namespace saccade::cli {
namespace {

// A signal handler is given no context, so this one is of the process.
std::atomic<bool> noted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not wait");

void note(int signal_number) {
  if (noted.exchange(true)) {
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
  }
}

}  // namespace

InterruptScope::InterruptScope() {
  clear_interrupt();
  sigaction(SIGINT, nullptr, &previous_);
  // A shell starts background jobs with Ctrl-C ignored; that stays as it is.
  if (previous_.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART, so that Ctrl-C also ends the wait for a line.
  sigaction(SIGINT, &action, nullptr);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGINT, &previous_, nullptr);
}

bool interrupted() {
  return noted.load();
}
void clear_interrupt() {
  noted.store(false);
}

}  // namespace saccade::cli
