// `saccade serve` as a process of its own, for tests.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "server/http_client.h"
#include "temporary_directory.h"

namespace saccade::server {

class RunningServer {
 public:
  /// Starts the program, on a free port unless the options name one and with as much time to drain
  /// as this build needs, and waits for its address; with `ready`, also for its model.
  explicit RunningServer(const std::vector<std::string>& options = {}, bool ready = true,
                         const std::string& model = "glance");
  /// Ends it. Where it has ended by itself and nobody waited for that, as a sanitizer ends it that
  /// has found something, the test fails and shows its log.
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  std::uint16_t port() const { return port_; }
  pid_t process() const { return process_; }
  /// The line that it wrote to standard output.
  const std::string& first_line() const { return first_line_; }
  /// What it has written to standard error.
  std::string log() const;
  /// Waits for a text in the log: a request's line comes after its answer. False when it does not
  /// come.
  bool logs(const std::string& text) const;

  TestResponse ask(const std::string& method, const std::string& path, const std::string& body = {},
                   const std::vector<std::string>& headers = {}) const {
    return server::ask(port_, method, path, body, headers);
  }
  /// Asks /health until `status` is what it says; false when it never does.
  bool wait_for(const std::string& status) const;
  void send_signal(int number) const;
  /// Waits for the process to end: its exit status, or 128 and the signal that ended it.
  int wait();

 private:
  const TemporaryDirectory directory_;
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
  std::string first_line_;
};

}  // namespace saccade::server
