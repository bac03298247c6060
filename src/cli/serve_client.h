// Asking a running server, as its users do.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace saccade::cli {

/// What came back of a streamed chat completion.
struct StreamedAnswer {
  std::string text;
  std::string finish_reason;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t completion_tokens = 0;
  double first_ms = 0.0;        ///< from the request to the first text
  double total_ms = 0.0;        ///< to the last byte
  std::vector<double> gaps_ms;  ///< between pieces of text
};

/// Requests to one server; threads may share it, each request has a connection of its own.
class ServeClient {
 public:
  /// `url`: "http://127.0.0.1:8080"; `api_key` may be empty.
  ServeClient(std::string url, std::string api_key);

  /// Receives each piece of text, and nothing now and then while there is none; false ends the
  /// request.
  using OnText = std::function<bool(const std::string&)>;
  /// POST /v1/chat/completions with a streaming `body`, JSON. Throws Error with what the server
  /// says, and when it cannot be reached.
  StreamedAnswer chat(const std::string& body, const OnText& on_text = {}) const;
  /// The body of an answer to GET or, with a body, POST. Throws Error unless it is a success.
  std::string get(const std::string& path) const;
  std::string post(const std::string& path, const std::string& body) const;
  void remove(const std::string& path) const;

 private:
  std::string request(const std::string& method, const std::string& path,
                      const std::string& body) const;

  std::string url_;
  std::string api_key_;
};

}  // namespace saccade::cli
