#include "hub/http.h"

#include <curl/curl.h>

#include <array>
#include <exception>
#include <mutex>
#include <new>
#include <utility>

#include "base/error.h"
#include "hub/headers.h"

namespace saccade::hub {
namespace {

constexpr long kMaxRedirects = 10;
// Fewer, larger writes than with curl's 16 KiB.
constexpr long kBufferBytes = 256L << 10;

/// libcurl asks for this once in a process, before anything else of it.
void initialize_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) fail("libcurl cannot be initialized");
  });
}

/// Failures that the next attempt would only repeat.
bool is_hopeless(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
      return true;
    default:
      return false;
  }
}

void set_request(CURL* easy, const HttpRequest& request) {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  // A Hub that is reached safely must not lead to a place that is not.
  const bool safe = request.url.starts_with("https://");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, safe ? "https" : "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
  // Our Authorization header goes to the first host and port only; this keeps it so.
  curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
  // Streams of one HTTP/2 connection would share its window; connections of their own are faster.
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "saccade");
  curl_easy_setopt(easy, CURLOPT_NOBODY, request.head ? 1L : 0L);
  if (!request.range) return;
  const std::string range = fmt::format("{}-{}", request.range->begin, request.range->end - 1);
  curl_easy_setopt(easy, CURLOPT_RANGE, range.c_str());
}

void set_limits(CURL* easy, const Tuning& tuning) {
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(tuning.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(tuning.stall_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
}

}  // namespace

struct HttpClient::Transfer {
  Id id = 0;
  CURL* easy = nullptr;
  OnBody on_body;
  OnDone on_done;
  ResponseHead head;
  std::exception_ptr thrown;
  std::array<char, CURL_ERROR_SIZE> reason{};

  ~Transfer() { curl_easy_cleanup(easy); }

  /// Lets libcurl hand everything that comes to this object.
  void receive() {
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason.data());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  }

  // libcurl is C: nothing may be thrown through these two.
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self) {
    try {
      read_header_line({data, size * count}, static_cast<Transfer*>(self)->head);
      return size * count;
    } catch (...) {
      static_cast<Transfer*>(self)->thrown = std::current_exception();
      return 0;
    }
  }

  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    try {
      const auto bytes = std::as_bytes(std::span(data, size * count));
      return transfer->on_body(transfer->head, bytes) ? bytes.size() : CURL_WRITEFUNC_ERROR;
    } catch (...) {
      transfer->thrown = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
  }
};

struct HttpClient::Handles {
  CURLM* multi = nullptr;
  curl_slist* headers = nullptr;

  explicit Handles(const Settings& settings) {
    initialize_curl();
    multi = curl_multi_init();
    if (!multi) throw std::bad_alloc();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 2L * settings.tuning.connections);
    if (!settings.token.empty()) {
      headers = curl_slist_append(nullptr, ("Authorization: Bearer " + settings.token).c_str());
      if (!headers) throw std::bad_alloc();
    }
  }
  ~Handles() {
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
  }
};

HttpClient::HttpClient(const Settings& settings)
    : settings_(settings), handles_(std::make_unique<Handles>(settings)) {}

HttpClient::~HttpClient() {
  while (!transfers_.empty()) cancel(transfers_.begin()->first);
}

HttpClient::Id HttpClient::start(const HttpRequest& request, OnBody on_body, OnDone on_done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->id = next_id_++;
  transfer->on_body = std::move(on_body);
  transfer->on_done = std::move(on_done);
  transfer->easy = curl_easy_init();
  if (!transfer->easy) throw std::bad_alloc();
  set_request(transfer->easy, request);
  set_limits(transfer->easy, settings_.tuning);
  curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, handles_->headers);
  if (!settings_.certificates.empty()) {
    curl_easy_setopt(transfer->easy, CURLOPT_CAINFO, settings_.certificates.c_str());
  }
  transfer->receive();
  const Id id = transfer->id;
  if (curl_multi_add_handle(handles_->multi, transfer->easy) != CURLM_OK) throw std::bad_alloc();
  transfers_.emplace(id, std::move(transfer));
  return id;
}

void HttpClient::cancel(Id id) {
  const auto node = transfers_.extract(id);
  if (node.empty()) return;
  curl_multi_remove_handle(handles_->multi, node.mapped()->easy);
}

void HttpClient::step(std::chrono::milliseconds patience) {
  int running = 0;
  CURLMcode status = curl_multi_perform(handles_->multi, &running);
  if (status == CURLM_OK && running == static_cast<int>(transfers_.size())) {
    status =
        curl_multi_poll(handles_->multi, nullptr, 0, static_cast<int>(patience.count()), nullptr);
    if (status == CURLM_OK) status = curl_multi_perform(handles_->multi, &running);
  }
  if (status != CURLM_OK) fail("libcurl: {}", curl_multi_strerror(status));
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handles_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Transfer* done = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &done);
    const CURLcode result = message->data.result;  // gone with the handle
    auto node = transfers_.extract(done->id);
    curl_multi_remove_handle(handles_->multi, node.mapped()->easy);
    finish(std::move(node.mapped()), result);
  }
}

void HttpClient::finish(std::unique_ptr<Transfer> transfer, int result) {
  if (transfer->thrown) std::rethrow_exception(transfer->thrown);
  const auto code = static_cast<CURLcode>(result);
  HttpOutcome outcome;
  outcome.head = std::move(transfer->head);
  outcome.cut = code != CURLE_OK;
  outcome.hopeless = is_hopeless(code);
  if (outcome.cut) {
    const char* detail = transfer->reason.data();
    outcome.reason = *detail ? detail : curl_easy_strerror(code);
  }
  curl_off_t wait_s = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wait_s);
  outcome.retry_after = std::chrono::seconds(wait_s);
  transfer->on_done(outcome);
}

}  // namespace saccade::hub
