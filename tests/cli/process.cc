#include "process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace saccade::cli {
namespace {

struct Pipe {
  int ends[2];
  Pipe() {
    if (pipe(ends) != 0) std::abort();
    for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  }
};

[[noreturn]] void start(const Invocation& invocation, const Pipe& in, const Pipe& out,
                        const Pipe& err) {
  dup2(in.ends[0], STDIN_FILENO);
  dup2(out.ends[1], STDOUT_FILENO);
  dup2(err.ends[1], STDERR_FILENO);
  if (!invocation.output_file.empty()) {
    dup2(open(invocation.output_file.c_str(), O_WRONLY), STDOUT_FILENO);
  }
  for (const int descriptor : invocation.closed) close(descriptor);
  for (const std::string& entry : invocation.environment) putenv(strdup(entry.c_str()));
  become_program(invocation.arguments);
}

/// Reads what is there into `text`; false at the end.
bool take(int descriptor, std::string& text) {
  std::array<char, 65536> chunk;
  const ssize_t count = read(descriptor, chunk.data(), chunk.size());
  if (count > 0) text.append(chunk.data(), static_cast<std::size_t>(count));
  return count > 0;
}

/// Feeds the program and collects what it says, all at once, so that no pipe fills up.
void converse(int in, int out, int err, std::string_view input, Outcome& outcome) {
  fcntl(in, F_SETFL, O_NONBLOCK);
  std::array<pollfd, 3> polls = {pollfd{out, POLLIN, 0}, {err, POLLIN, 0}, {in, POLLOUT, 0}};
  while (polls[0].fd >= 0 || polls[1].fd >= 0) {
    if (input.empty() && polls[2].fd >= 0) {
      close(in);
      polls[2].fd = -1;
    }
    poll(polls.data(), polls.size(), -1);
    if (polls[0].revents != 0 && !take(out, outcome.out)) polls[0].fd = -1;
    if (polls[1].revents != 0 && !take(err, outcome.err)) polls[1].fd = -1;
    if (polls[2].fd >= 0 && polls[2].revents != 0) {
      const ssize_t count = write(in, input.data(), input.size());
      // A program that does not read its input is no failure of ours.
      input.remove_prefix(count < 0 ? input.size() : static_cast<std::size_t>(count));
    }
  }
  if (polls[2].fd >= 0) close(in);
}

}  // namespace

void become_program(const std::vector<std::string>& arguments) {
  std::string program = SACCADE_PROGRAM;
  std::vector<char*> pointers = {program.data()};
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  _exit(127);
}

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

Outcome run_program(const Invocation& invocation) {
  std::signal(SIGPIPE, SIG_IGN);
  const Pipe in;
  const Pipe out;
  const Pipe err;
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGPIPE, SIG_DFL);
    start(invocation, in, out, err);
  }
  close(in.ends[0]);
  close(out.ends[1]);
  close(err.ends[1]);
  Outcome outcome;
  converse(in.ends[1], out.ends[0], err.ends[0], invocation.input, outcome);
  close(out.ends[0]);
  close(err.ends[0]);
  int wait_status = 0;
  waitpid(child, &wait_status, 0);
  outcome.status = shell_status(wait_status);
  return outcome;
}

Outcome run_program(const std::vector<std::string>& arguments) {
  return run_program(Invocation{arguments, "", {}, {}, ""});
}

void expect_refused(const Outcome& outcome, int status, const std::string& text) {
  EXPECT_EQ(outcome.status, status) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(outcome.err.starts_with("saccade: ")) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err << "lacks " << text;
}

}  // namespace saccade::cli
