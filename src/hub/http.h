// HTTP requests side by side on one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hub/ranges.h"
#include "hub/settings.h"

namespace saccade::hub {

struct HttpRequest {
  std::string url;
  bool head = false;               ///< headers only
  std::optional<ByteRange> range;  ///< of the resource; none: all of it
};

/// What Content-Range says: bytes BEGIN-LAST/TOTAL.
struct ContentRange {
  ByteRange range;
  std::int64_t total = -1;  ///< -1: not known
};

/// Status and headers of the last response, after redirects.
struct ResponseHead {
  long status = 0;  ///< 0: none came
  std::string etag;
  std::optional<std::int64_t> content_length;
  std::optional<ContentRange> content_range;
  // What the Hub says of a file before it redirects to where the file lies.
  std::string linked_etag;
  std::optional<std::int64_t> linked_bytes;
  std::string error_code;  ///< X-Error-Code, such as GatedRepo
};

/// How a request ended.
struct HttpOutcome {
  ResponseHead head;
  bool cut = false;       ///< no complete response: `reason` says why
  bool hopeless = false;  ///< trying again cannot help, as with a wrong certificate
  std::string reason;     ///< curl's words
  std::chrono::seconds retry_after{0};
};

/// Sends GET and HEAD requests to the Hub and follows redirects. The token goes to the Hub's own
/// host and port only. Errors of the network are outcomes, not exceptions; what a callback throws
/// comes out of step(), and ends its request.
class HttpClient {
 public:
  using Id = std::uint64_t;
  /// Takes a piece of the body; false breaks the request off.
  using OnBody = std::function<bool(const ResponseHead&, std::span<const std::byte>)>;
  using OnDone = std::function<void(const HttpOutcome&)>;

  explicit HttpClient(const Settings& settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Id start(const HttpRequest& request, OnBody on_body, OnDone on_done);
  /// Breaks a request off without calling back.
  void cancel(Id id);
  /// Waits for something to happen, at most that long, and calls back.
  void step(std::chrono::milliseconds patience);

 private:
  struct Transfer;
  struct Handles;

  void finish(std::unique_ptr<Transfer> transfer, int result);

  const Settings& settings_;
  std::unique_ptr<Handles> handles_;
  std::map<Id, std::unique_ptr<Transfer>> transfers_;
  Id next_id_ = 1;
};

}  // namespace saccade::hub
