// A plain HTTP client for tests: what is sent is written out, what comes is taken apart.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "patience.h"

namespace saccade::server {

struct TestResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< chunks put together
};

class TestClient {
 public:
  /// Connects to a port of this machine. Throws std::runtime_error. A small `receive_buffer` makes
  /// the kernel hold back what is not read.
  explicit TestClient(std::uint16_t port, int receive_buffer = 0);
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes);
  /// Sends a request with a body, if it has one, and these further lines of head.
  void request(const std::string& method, const std::string& path, const std::string& body = {},
               const std::vector<std::string>& headers = {});
  /// The next response; none when the connection ends or nothing comes for `limit`.
  std::optional<TestResponse> read(std::chrono::seconds limit = patience(std::chrono::seconds(30)));
  /// Waits until `text` has come, as part of a stream; false when the connection ends before.
  bool read_until(std::string_view text);
  /// Whether the server closes the connection within `limit`.
  bool closed_by_server(std::chrono::seconds limit = patience(std::chrono::seconds(10)));
  void close();
  /// Ends the connection as a process that is killed does: with a reset.
  void reset();

 private:
  bool fill(std::chrono::steady_clock::time_point deadline);

  int socket_ = -1;
  std::string received_;
};

/// One request on a connection of its own.
TestResponse ask(std::uint16_t port, const std::string& method, const std::string& path,
                 const std::string& body = {}, const std::vector<std::string>& headers = {});

/// The data of the events in a stream of them.
std::vector<std::string> event_data(const std::string& body);

}  // namespace saccade::server
