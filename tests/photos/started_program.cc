#include "photos/started_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "cli/process.h"

namespace saccade::photos {

StartedProgram::StartedProgram(const std::vector<std::string>& arguments) : child_(fork()) {
  if (child_ != 0) return;
  const int nowhere = open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, stream);
  cli::become_program(arguments);
}

StartedProgram::~StartedProgram() {
  kill();
}

bool StartedProgram::is_running() {
  if (child_ > 0 && waitpid(child_, nullptr, WNOHANG) == child_) child_ = 0;
  return child_ > 0;
}

void StartedProgram::kill() {
  if (!is_running()) return;
  ::kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = 0;
}

}  // namespace saccade::photos
