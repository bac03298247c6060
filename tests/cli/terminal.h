// The program on a terminal of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace saccade::cli {

/// Starts the program with all three standard streams on a pseudo terminal, as its session's
/// leader, so that a typed Ctrl-C reaches it as SIGINT.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys);
  void send_signal(int number) const;
  /// Waits until `text` shows up after what was waited for before; returns what came before it.
  /// Fails the test when the program ends or a minute passes without it.
  std::string wait_for(const std::string& text);
  /// Waits until that many more bytes have been shown.
  void wait_for_bytes(std::size_t count);
  /// Waits for the program's end; returns the exit status as a shell counts it.
  int wait_for_end();
  /// All that was shown so far.
  const std::string& screen() const { return screen_; }

 private:
  /// Reads more; false at the end of the program or after the time is up.
  bool read_more();

  pid_t child_ = -1;
  int master_ = -1;
  std::string screen_;
  std::size_t seen_ = 0;
  bool ended_ = false;
};

}  // namespace saccade::cli
