#include "cli/serve_client.h"

#include <curl/curl.h>

#include <boost/json.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/error.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// What a server says is wrong, in the shape of OpenAI's API, or the whole of what it says.
std::string error_message(const std::string& body) {
  boost::system::error_code failed;
  const json::value document = json::parse(body, failed);
  const auto* object = failed ? nullptr : document.if_object();
  const auto* error = object ? object->if_contains("error") : nullptr;
  const auto* message =
      error && error->is_object() ? error->get_object().if_contains("message") : nullptr;
  return message && message->is_string() ? std::string(message->get_string()) : body;
}

/// One request. Takes the body of the answer as it comes.
class Transfer {
 public:
  /// Also called without data, some times a second.
  using OnData = std::function<bool(std::string_view)>;
  Transfer(const std::string& url, const std::string& api_key, OnData on_data)
      : url_(url), on_data_(std::move(on_data)), handle_(curl_easy_init()) {
    if (!handle_) fail("no memory for a connection");
    add_header("Content-Type: application/json");
    if (!api_key.empty()) add_header("Authorization: Bearer " + api_key);
  }

  /// The status of the answer. Throws Error when there is none.
  long run(const std::string& method, const std::string& body) {
    CURL* handle = handle_.get();
    curl_easy_setopt(handle, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
    // Nothing in between: the server was named by the user.
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Transfer::take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &Transfer::idle);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, this);
    if (!body.empty()) {
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.data());
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
    const CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK && !stopped_) fail("{}: {}", url_, curl_easy_strerror(code));
    return status();
  }

 private:
  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (!longer) fail("no memory for a connection");
    (void)headers_.release();
    headers_.reset(longer);
  }

  long status() const {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  static std::size_t take(char* data, std::size_t one, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.on_data_(std::string_view(data, one * size))) return one * size;
    transfer.stopped_ = true;
    return 0;
  }

  static int idle(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.on_data_({})) transfer.stopped_ = true;
    return transfer.stopped_ ? 1 : 0;
  }

  std::string url_;
  OnData on_data_;
  bool stopped_ = false;
  std::unique_ptr<CURL, CloseHandle> handle_;
  std::unique_ptr<curl_slist, CloseHandle> headers_;
};

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
    if (chunk->contains("error")) fail("{}", error_message(data));
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
    : url_(std::move(url)), api_key_(std::move(api_key)) {
  while (url_.ends_with('/')) url_.pop_back();
  if (!url_.starts_with("http://") && !url_.starts_with("https://")) {
    fail_usage("server: wanted a URL such as http://127.0.0.1:8080, found \"{}\"", url_);
  }
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (once != CURLE_OK) fail("connections: {}", curl_easy_strerror(once));
}

StreamedAnswer ServeClient::chat(const std::string& body, const OnText& on_text) const {
  StreamedAnswer answer;
  const Clock::time_point begin = Clock::now();
  ChatStream stream(answer, on_text, begin);
  std::string error;
  Transfer transfer(url_ + "/v1/chat/completions", api_key_, [&](std::string_view data) {
    // What is thrown must not pass through C.
    try {
      return stream.add(data);
    } catch (const std::exception& thrown) {
      error = thrown.what();
      return false;
    }
  });
  const long status = transfer.run("POST", body);
  if (!error.empty()) fail("{}: {}", url_, error);
  if (status >= kFirstError) fail("{}: {} ({})", url_, error_message(stream.rest()), status);
  answer.total_ms = ms_since(begin);
  return answer;
}

std::string ServeClient::request(const std::string& method, const std::string& path,
                                 const std::string& body) const {
  std::string answer;
  Transfer transfer(url_ + path, api_key_, [&](std::string_view data) {
    answer += data;
    return true;
  });
  const long status = transfer.run(method, body);
  if (status >= kFirstError) fail("{}{}: {} ({})", url_, path, error_message(answer), status);
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
