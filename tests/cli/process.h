// Running the program as a shell does.
#pragma once

#include <string>
#include <vector>

namespace saccade::cli {

struct Outcome {
  int status = -1;  ///< exit status, or 128 + the signal that ended it
  std::string out;
  std::string err;
};

struct Invocation {
  std::vector<std::string> arguments;
  std::string input;                     ///< on standard input
  std::vector<std::string> environment;  ///< NAME=VALUE, added to the test's own
  std::vector<int> closed;               ///< standard streams closed beforehand
  std::string output_file;               ///< standard output goes there
};

/// Runs the program to its end.
Outcome run_program(const Invocation& invocation);
Outcome run_program(const std::vector<std::string>& arguments);

/// Becomes the program; for use after fork. Standard streams are as the caller left them.
[[noreturn]] void become_program(const std::vector<std::string>& arguments);

/// What waitpid reported as a shell's number.
int shell_status(int wait_status);

/// Fails the test unless the run ended with `status`, wrote nothing to standard output and exactly
/// one line to standard error, which begins with "saccade: " and holds `text`.
void expect_refused(const Outcome& outcome, int status, const std::string& text);

}  // namespace saccade::cli
