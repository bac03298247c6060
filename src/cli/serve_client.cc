#include "cli/serve_client.h"

#include <boost/json.hpp>
#include <chrono>

#include "base/error.h"
#include "server/http_transfer.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Sends a request and gives on_data what comes; the answer's status, or that of what had come when
/// on_data wanted no more. Throws Error when there is no answer.
long run(server::HttpTransfer request, std::function<bool(std::string_view)> on_data) {
  using Kind = server::TransferEnd::Kind;
  request.on_data = std::move(on_data);
  const server::TransferEnd end = server::transfer(request);
  if (end.kind == Kind::kUnreachable || end.kind == Kind::kTimedOut) {
    fail("{}: {}", request.url, end.error);
  }
  return end.status;
}

/// Takes a stream of server-sent events apart into an answer.
class ChatStream {
 public:
  ChatStream(StreamedAnswer& answer, const ServeClient::OnText& on_text, Clock::time_point begin)
      : answer_(answer), on_text_(on_text), begin_(begin) {}

  /// False: no more is wanted.
  bool add(std::string_view data) {
    if (data.empty()) return !on_text_ || on_text_("");
    buffer_ += data;
    for (std::size_t end; (end = buffer_.find("\n\n")) != std::string::npos;) {
      const std::string event = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      if (event.starts_with("data: ") && !take(event.substr(6))) return false;
    }
    return true;
  }
  /// What is no event: what a server says that does not stream.
  const std::string& rest() const { return buffer_; }

 private:
  bool take(const std::string& data) {
    if (data == "[DONE]") return true;
    boost::system::error_code failed;
    const json::value document = json::parse(data, failed);
    const auto* chunk = failed ? nullptr : document.if_object();
    if (!chunk) fail("the server sent what is no chat completion: {}", data);
    if (chunk->contains("error")) fail("{}", server::server_message(data));
    if (const auto* usage = chunk->if_contains("usage"); usage && usage->is_object()) {
      take_usage(usage->get_object());
    }
    const auto* choices = chunk->if_contains("choices");
    if (!choices || !choices->is_array() || choices->get_array().empty()) return true;
    const json::object& choice = choices->get_array()[0].as_object();
    if (const auto* reason = choice.if_contains("finish_reason"); reason && reason->is_string()) {
      answer_.finish_reason = reason->get_string();
    }
    const auto* content = choice.at("delta").as_object().if_contains("content");
    if (!content || !content->is_string() || content->get_string().empty()) return true;
    return take_text(std::string(content->get_string()));
  }

  void take_usage(const json::object& usage) {
    answer_.prompt_tokens = usage.at("prompt_tokens").to_number<std::int64_t>();
    answer_.completion_tokens = usage.at("completion_tokens").to_number<std::int64_t>();
    if (const auto* details = usage.if_contains("prompt_tokens_details")) {
      answer_.cached_tokens = details->as_object().at("cached_tokens").to_number<std::int64_t>();
    }
  }

  bool take_text(const std::string& piece) {
    const double now = ms_since(begin_);
    if (answer_.text.empty()) {
      answer_.first_ms = now;
    } else {
      answer_.gaps_ms.push_back(now - last_ms_);
    }
    last_ms_ = now;
    answer_.text += piece;
    return !on_text_ || on_text_(piece);
  }

  StreamedAnswer& answer_;
  const ServeClient::OnText& on_text_;
  Clock::time_point begin_;
  double last_ms_ = 0.0;
  std::string buffer_;
};

constexpr long kFirstError = 400;

}  // namespace

ServeClient::ServeClient(std::string url, std::string api_key)
    : url_(server::checked_server_url(url, "server")), api_key_(std::move(api_key)) {}

StreamedAnswer ServeClient::chat(const std::string& body, const OnText& on_text) const {
  StreamedAnswer answer;
  const Clock::time_point begin = Clock::now();
  ChatStream stream(answer, on_text, begin);
  std::string error;
  const server::HttpTransfer request{"POST", url_ + "/v1/chat/completions", api_key_, body};
  const long status = run(request, [&](std::string_view data) {
    // What is thrown must not pass through C.
    try {
      return stream.add(data);
    } catch (const std::exception& thrown) {
      error = thrown.what();
      return false;
    }
  });
  if (!error.empty()) fail("{}: {}", url_, error);
  if (status >= kFirstError)
    fail("{}: {} ({})", url_, server::server_message(stream.rest()), status);
  answer.total_ms = ms_since(begin);
  return answer;
}

std::string ServeClient::request(const std::string& method, const std::string& path,
                                 const std::string& body) const {
  std::string answer;
  const long status = run({method, url_ + path, api_key_, body}, [&](std::string_view data) {
    answer += data;
    return true;
  });
  if (status >= kFirstError)
    fail("{}{}: {} ({})", url_, path, server::server_message(answer), status);
  return answer;
}

std::string ServeClient::get(const std::string& path) const {
  return request("GET", path, "");
}

std::string ServeClient::post(const std::string& path, const std::string& body) const {
  return request("POST", path, body);
}

void ServeClient::remove(const std::string& path) const {
  request("DELETE", path, "");
}

}  // namespace saccade::cli
