// The program, running beside the test, to be killed at any moment.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace saccade::photos {

class StartedProgram {
 public:
  /// Starts it; what it says goes nowhere.
  explicit StartedProgram(const std::vector<std::string>& arguments);
  /// kill()
  ~StartedProgram();
  StartedProgram(const StartedProgram&) = delete;
  StartedProgram& operator=(const StartedProgram&) = delete;

  bool is_running();
  /// Ends it as a lost power supply does (SIGKILL), and waits until it is gone.
  void kill();

 private:
  pid_t child_;  // 0: gone
};

}  // namespace saccade::photos
