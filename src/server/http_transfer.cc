#include "server/http_transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "base/error.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

// How soon a caller who wants no more is heard.
constexpr int kLookMs = 50;

struct Free {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(char* text) const { curl_free(text); }
};

class Transfer {
 public:
  explicit Transfer(const HttpTransfer& request)
      : request_(request), easy_(curl_easy_init()), multi_(curl_multi_init()) {
    if (!easy_ || !multi_) fail("no memory for a connection");
    add_header("Content-Type: application/json");
    add_header("Expect:");  // a body is sent at once, whatever its size
    if (!request.api_key.empty()) add_header("Authorization: Bearer " + request.api_key);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HTTPHEADER, headers_.get());
    set(CURLOPT_USERAGENT, "saccade");
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_WRITEFUNCTION, &Transfer::take);
    set(CURLOPT_WRITEDATA, this);
    if (request.time_limit) {
      set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(request.time_limit->count())));
    }
    if (!request.body.empty()) {
      set(CURLOPT_POSTFIELDS, request.body.data());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
  }
  ~Transfer() {
    curl_multi_remove_handle(multi_, easy_.get());
    curl_multi_cleanup(multi_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  TransferEnd run() {
    curl_multi_add_handle(multi_, easy_.get());
    int running = 1;
    CURLMcode failed = CURLM_OK;
    while (failed == CURLM_OK && running > 0 && !stopped_) {
      failed = curl_multi_perform(multi_, &running);
      if (failed == CURLM_OK && running > 0) {
        failed = curl_multi_poll(multi_, nullptr, 0, kLookMs, nullptr);
        look();
      }
    }
    if (failed != CURLM_OK) fail("{}: {}", request_.url, curl_multi_strerror(failed));
    return end();
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(easy_.get(), option, value) != CURLE_OK) {
      fail("libcurl does not know what is asked of it; a newer one is needed");
    }
  }

  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (!longer) fail("no memory for a connection");
    (void)headers_.release();
    headers_.reset(longer);
  }

  static std::size_t take(char* data, std::size_t one, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const auto& on_data = transfer.request_.on_data;
    if (!on_data || on_data(std::string_view(data, one * size))) return one * size;
    transfer.stopped_ = true;
    return 0;
  }

  void look() {
    if (request_.on_data && !request_.on_data({})) stopped_ = true;
  }

  TransferEnd end() {
    using Kind = TransferEnd::Kind;
    TransferEnd end;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &end.status);
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) end.retry_in = std::chrono::seconds(seconds);
    if (stopped_) {
      end.kind = Kind::kStopped;
      return end;
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_, &left);
    const CURLcode code = message ? message->data.result : CURLE_FAILED_INIT;
    if (code == CURLE_OK) return end;
    end.kind = code == CURLE_OPERATION_TIMEDOUT ? Kind::kTimedOut : Kind::kUnreachable;
    end.error = curl_easy_strerror(code);
    return end;
  }

  const HttpTransfer& request_;
  bool stopped_ = false;
  std::unique_ptr<CURL, Free> easy_;
  CURLM* multi_;
  std::unique_ptr<curl_slist, Free> headers_;
};

std::string part_of(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, Free> owned(text);
  return text;
}

}  // namespace

TransferEnd transfer(const HttpTransfer& request) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (once != CURLE_OK) fail("connections: {}", curl_easy_strerror(once));
  return Transfer(request).run();
}

std::string checked_server_url(const std::string& url, std::string_view where) {
  const std::unique_ptr<CURLU, Free> parsed(curl_url());
  if (!parsed) throw std::bad_alloc();
  const bool read =
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER) == CURLUE_OK;
  const std::string scheme = read ? part_of(parsed.get(), CURLUPART_SCHEME) : std::string();
  const bool good = (scheme == "http" || scheme == "https") &&
                    part_of(parsed.get(), CURLUPART_QUERY).empty() &&
                    part_of(parsed.get(), CURLUPART_FRAGMENT).empty();
  if (!good) fail_usage("{}: wanted a URL such as http://127.0.0.1:8080, found \"{}\"", where, url);
  std::string shorter = url;
  const auto drop_slashes = [&] {
    while (shorter.ends_with('/')) shorter.pop_back();
  };
  drop_slashes();
  if (shorter.ends_with("/v1")) shorter.resize(shorter.size() - 3);
  drop_slashes();
  return shorter;
}

std::string server_message(const std::string& body) {
  boost::system::error_code failed;
  const json::value document = json::parse(body, failed);
  const auto* object = failed ? nullptr : document.if_object();
  const json::value* said = object ? object->if_contains("error") : nullptr;
  // OpenAI's errors are objects; other servers have a text in their place.
  if (said && said->is_object()) said = said->get_object().if_contains("message");
  return said && said->is_string() ? std::string(said->get_string()) : body;
}

}  // namespace saccade::server
