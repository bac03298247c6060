#include "terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "patience.h"
#include "process.h"

namespace saccade::cli {
namespace {

constexpr std::chrono::milliseconds kPatience = patience(std::chrono::seconds(60));

[[noreturn]] void start_on(const std::string& name, const std::vector<std::string>& arguments) {
  setsid();
  const int terminal = open(name.c_str(), O_RDWR);
  ioctl(terminal, TIOCSCTTY, 0);
  for (int descriptor = 0; descriptor < 3; ++descriptor) dup2(terminal, descriptor);
  if (terminal > 2) close(terminal);
  setenv("TERM", "xterm", 1);
  std::signal(SIGINT, SIG_DFL);
  become_program(arguments);
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& arguments) {
  master_ = posix_openpt(O_RDWR | O_NOCTTY);
  fcntl(master_, F_SETFD, FD_CLOEXEC);
  grantpt(master_);
  unlockpt(master_);
  const std::string name = ptsname(master_);
  child_ = fork();
  if (child_ == 0) start_on(name, arguments);
}

Terminal::~Terminal() {
  if (!ended_) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(master_);
}

void Terminal::type(const std::string& keys) {
  EXPECT_EQ(write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

void Terminal::send_signal(int number) const {
  kill(child_, number);
}

bool Terminal::read_more() {
  pollfd descriptor{master_, POLLIN, 0};
  if (poll(&descriptor, 1, static_cast<int>(kPatience.count())) != 1) return false;
  std::array<char, 4096> chunk;
  const ssize_t count = read(master_, chunk.data(), chunk.size());
  if (count <= 0) return false;  // EIO when the last one on the other side has gone
  screen_.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

std::string Terminal::wait_for(const std::string& text) {
  std::size_t found = screen_.find(text, seen_);
  while (found == std::string::npos) {
    if (!read_more()) {
      ADD_FAILURE() << "waited in vain for \"" << text << "\"; the screen shows:\n" << screen_;
      return "";
    }
    found = screen_.find(text, seen_);
  }
  std::string before = screen_.substr(seen_, found - seen_);
  seen_ = found + text.size();
  return before;
}

void Terminal::wait_for_bytes(std::size_t count) {
  const std::size_t wanted = screen_.size() + count;
  while (screen_.size() < wanted) {
    if (!read_more()) {
      ADD_FAILURE() << "nothing more comes; the screen shows:\n" << screen_;
      return;
    }
  }
  seen_ = screen_.size();
}

int Terminal::wait_for_end() {
  while (read_more()) {
  }
  // Closing the streams and ending are two moments.
  for (int tries = 0; tries < 1000; ++tries) {
    int wait_status = 0;
    if (waitpid(child_, &wait_status, WNOHANG) == child_) {
      ended_ = true;
      return shell_status(wait_status);
    }
    usleep(10'000);
  }
  ADD_FAILURE() << "the program does not end; the screen shows:\n" << screen_;
  return -1;
}

}  // namespace saccade::cli
