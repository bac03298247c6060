#include "server/running_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <csignal>
#include <stdexcept>

#include "base/json.h"
#include "patience.h"

namespace saccade::server {
namespace {

// As the program's own.
constexpr std::chrono::seconds kDrainLimit{30};

[[noreturn]] void become_server(const std::vector<std::string>& options, const std::string& model,
                                int output, const std::string& log) {
  dup2(output, STDOUT_FILENO);
  dup2(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
  std::vector<std::string> arguments = {SACCADE_PROGRAM, "serve", model};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto add = [&](const std::string& option, const std::string& value) {
    const bool given = std::ranges::find(options, option) != options.end();
    if (!given) arguments.insert(arguments.end(), {option, value});
  };
  add("--port", "0");
  add("--drain-seconds", std::to_string(patience(kDrainLimit).count()));
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(SACCADE_PROGRAM, pointers.data());
  _exit(127);
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read_line(int descriptor) {
  std::string line;
  for (char c = 0; ::read(descriptor, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace

RunningServer::RunningServer(const std::vector<std::string>& options, bool ready,
                             const std::string& model) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  process_ = fork();
  if (process_ == 0) become_server(options, model, ends[1], directory_.file("log"));
  ::close(ends[1]);
  first_line_ = read_line(ends[0]);
  ::close(ends[0]);
  const std::size_t colon = first_line_.find("http://127.0.0.1:");
  if (colon == std::string::npos) throw std::runtime_error("the server did not start: " + log());
  port_ = static_cast<std::uint16_t>(std::stoi(first_line_.substr(colon + 17)));
  if (ready && !wait_for("ready")) throw std::runtime_error("the model is not ready: " + log());
}

RunningServer::~RunningServer() {
  if (process_ < 0) return;
  int status = 0;
  if (waitpid(process_, &status, WNOHANG) != 0) {
    ADD_FAILURE() << "the server ended by itself, with status " << exit_status(status) << ":\n"
                  << log();
    return;
  }
  kill(process_, SIGKILL);
  wait();
}

std::string RunningServer::log() const {
  return read_text_file(directory_.file("log"));
}

bool RunningServer::logs(const std::string& text) const {
  return eventually([&] { return log().find(text) != std::string::npos; });
}

bool RunningServer::wait_for(const std::string& status) const {
  return eventually([&] {
    const TestResponse health = ask("GET", "/health");
    return boost::json::parse(health.body).at("status").as_string() == status;
  });
}

void RunningServer::send_signal(int number) const {
  kill(process_, number);
}

int RunningServer::wait() {
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  return exit_status(status);
}

}  // namespace saccade::server
