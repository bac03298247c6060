#include "cli/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

namespace saccade::cli {
namespace {

// A signal handler is given no context, so this one is of the process.
std::atomic<int> noted{0};
// Its other end wakes whoever waits (Bernstein's self-pipe).
std::atomic<int> wake_reader{-1};
std::atomic<int> wake_writer{-1};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not wait");

void note(int signal_number) {
  if (noted.exchange(signal_number) != 0) {
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
  }
  const int saved = errno;
  const char byte = 0;
  // A full pipe wakes as well.
  if (const int writer = wake_writer.load(); writer >= 0 && write(writer, &byte, 1) < 0) {
  }
  errno = saved;
}

}  // namespace

InterruptScope::InterruptScope(std::initializer_list<int> signals) {
  outer_pipe_[0] = wake_reader.load();
  outer_pipe_[1] = wake_writer.load();
  std::array<int, 2> ends = {-1, -1};
  // Without a pipe Ctrl-C is still noted, if perhaps only after the next line.
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    wake_reader.store(ends[0]);
    wake_writer.store(ends[1]);
  }
  clear_interrupt();
  struct sigaction action = {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  for (const int number : signals) {
    struct sigaction previous = {};
    sigaction(number, nullptr, &previous);
    // A shell starts background jobs with Ctrl-C ignored; that stays as it is.
    if (previous.sa_handler == SIG_IGN) continue;
    previous_.emplace_back(number, previous);
    // Without SA_RESTART, so that Ctrl-C also ends the wait for a line.
    sigaction(number, &action, nullptr);
  }
}

InterruptScope::~InterruptScope() {
  for (const auto& [number, previous] : previous_) sigaction(number, &previous, nullptr);
  const int writer = wake_writer.exchange(outer_pipe_[1]);
  const int reader = wake_reader.exchange(outer_pipe_[0]);
  if (writer >= 0 && writer != outer_pipe_[1]) close(writer);
  if (reader >= 0 && reader != outer_pipe_[0]) close(reader);
}

bool interrupted() {
  return interrupting_signal() != 0;
}
int interrupting_signal() {
  return noted.load();
}
void clear_interrupt() {
  std::array<char, 64> bytes;
  const int reader = wake_reader.load();
  while (reader >= 0 && read(reader, bytes.data(), bytes.size()) > 0) {
  }
  noted.store(0);
}
int interrupt_descriptor() {
  return wake_reader.load();
}

}  // namespace saccade::cli
