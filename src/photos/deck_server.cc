#include "photos/deck_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json.hpp>
#include <boost/url.hpp>
#include <csignal>
#include <optional>

#include "base/error.h"
#include "photos/deck_api.h"
#include "photos/live_events.h"
#include "photos/workers.h"
#include "server/access.h"
#include "server/seal.h"
#include "server/worker.h"

namespace saccade::photos {
namespace {

using server::HttpRequest;
using server::HttpResponse;

constexpr std::size_t kThreads = 2;
constexpr std::chrono::seconds kFlushTime{2};
constexpr const char* kCookie = "saccade_key";

/// What no page may do: ask other hosts, be shown inside others, or run what did not come from
/// here.
const server::Headers& page_headers() {
  static const server::Headers headers = {{"Content-Security-Policy",
                                           "default-src 'self'; img-src 'self' data:; style-src "
                                           "'self'; frame-ancestors 'none'; base-uri "
                                           "'none'; form-action 'self'"},
                                          {"X-Content-Type-Options", "nosniff"},
                                          {"Referrer-Policy", "no-referrer"},
                                          {"Cross-Origin-Resource-Policy", "same-origin"}};
  return headers;
}

HttpResponse with_page_headers(HttpResponse response) {
  response.headers.insert(response.headers.end(), page_headers().begin(), page_headers().end());
  return response;
}

HttpResponse refusal(int status, const std::string& message) {
  return with_page_headers(
      {.status = status, .body = boost::json::serialize(boost::json::object{{"error", message}})});
}

std::string cookie_value(const std::string& cookies, const std::string& name) {
  std::size_t begin = 0;
  while (begin < cookies.size()) {
    const auto end = std::min(cookies.find(';', begin), cookies.size());
    std::string_view pair(cookies.data() + begin, end - begin);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(name + "=")) return std::string(pair.substr(name.size() + 1));
    begin = end + 1;
  }
  return "";
}

/// "key" of a query; empty: none.
std::string key_of_query(const std::string& query) {
  const auto parsed = boost::urls::parse_query(query);
  if (!parsed) return "";
  for (const auto& parameter : *parsed) {
    if (parameter.key.decode() == "key") return parameter.value.decode();
  }
  return "";
}

/// A host header without its port.
std::string host_name(const std::string& host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

/// Adds what every answer carries.
class PageReply : public server::Reply {
 public:
  explicit PageReply(std::shared_ptr<server::Reply> inner) : inner_(std::move(inner)) {}
  void send(HttpResponse response) override {
    inner_->send(with_page_headers(std::move(response)));
  }
  void begin_stream(HttpResponse head) override {
    inner_->begin_stream(with_page_headers(std::move(head)));
  }
  void write(std::string_view piece) override { inner_->write(piece); }
  void end_stream() override { inner_->end_stream(); }
  void when_gone(std::function<void()> callback) override {
    inner_->when_gone(std::move(callback));
  }
  void note(std::string fields) override { inner_->note(std::move(fields)); }

 private:
  std::shared_ptr<server::Reply> inner_;
};

void check_sealed(const Library& library) {
  for (const Tier& tier : library.settings().tiers) {
    if (tier.vlm.url.empty()) continue;
    fail_usage(
        "--sealed: tier {} asks a model at {}, which a sealed process cannot reach; give it "
        "a model of its own in photos.toml",
        tier.name, tier.vlm.url);
  }
}

}  // namespace

class DeckServer::Impl : public server::HttpHandler {
 public:
  Impl(Library& library, const DeckOptions& options) : options_(options), library_(library) {
    if (options.sealed) check_sealed(library);
    loopback_ = server::is_loopback_host(options.http.host);
    if (!loopback_ && options.key.empty()) {
      fail_usage("--host {}: others could see the photos; it needs --key or --key-file",
                 options.http.host);
    }
    http_ = std::make_unique<server::HttpServer>(options.http, *this);
    if (options.sealed) server::seal_process();
    if (auto lock = options.work ? WorkLock::take(library) : std::nullopt) {
      workers_ = std::make_unique<Workers>(library, std::move(*lock));
    }
    api_ = std::make_unique<DeckApi>(library, events_, workers_.get());
  }

  std::optional<HttpResponse> refuse(HttpRequest& head) override {
    // A page of another site may have its own name point here: it must not be answered.
    if (loopback_ && !server::is_loopback_host(host_name(head.host))) {
      return refusal(403, "this server answers only under the name of this machine itself");
    }
    if (!options_.key.empty()) {
      const std::string given = key_of_query(head.query);
      if (!given.empty() && head.method == "GET" &&
          server::equal_in_constant_time(given, options_.key)) {
        return with_page_headers(
            {.status = 303,
             .body = "",
             .content_type = "",
             .headers = {{"Location", "/"},
                         {"Set-Cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict",
                                                    kCookie, given)}}});
      }
      const std::string cookie = cookie_value(head.cookie, kCookie);
      const std::string bearer =
          head.authorization.starts_with("Bearer ") ? head.authorization.substr(7) : "";
      if (!server::equal_in_constant_time(cookie, options_.key) &&
          !server::equal_in_constant_time(bearer, options_.key)) {
        return refusal(401, "open the page with its key: /?key=...");
      }
    }
    if (head.method != "GET" && head.method != "HEAD" && head.own_page.empty()) {
      return refusal(403, "the header X-Saccade: 1 is missing");
    }
    return std::nullopt;
  }

  void handle(HttpRequest request, std::shared_ptr<server::Reply> reply) override {
    const auto page = std::make_shared<PageReply>(std::move(reply));
    const auto shared = std::make_shared<HttpRequest>(std::move(request));
    // Pictures that are decoded must not hold up what else the page asks.
    auto& threads = shared->path.starts_with("/pictures/") ? picture_threads_ : query_threads_;
    server::Worker& thread = threads[next_++ % threads.size()];
    if (!thread.submit([this, shared, page] { api_->answer(*shared, page); })) {
      page->send(refusal(503, "too many requests wait; try again"));
    }
  }

  HttpResponse transport_error(const HttpRequest& /*request*/, int status,
                               const std::string& message) override {
    return refusal(status, message);
  }
  void finished(const server::RequestRecord& /*record*/) override {}

  std::string url() const {
    const std::string& host = options_.http.host;
    return fmt::format("http://{}:{}",
                       host.find(':') == std::string::npos ? host : "[" + host + "]",
                       http_->port());
  }
  bool works() const { return workers_ != nullptr; }

  void run() {
    http_->on_stop_signal([this](int signal) {
      if (stopping_.exchange(true)) std::_Exit(128 + signal);
      begin_stop();
    });
    http_->run();
    if (workers_) workers_->stop();
  }
  void begin_stop() {
    events_.stop();
    http_->stop(kFlushTime);
  }

 private:
  const DeckOptions options_;
  Library& library_;
  bool loopback_ = true;
  std::unique_ptr<server::HttpServer> http_;
  LiveEvents events_{library_};
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<DeckApi> api_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stopping_ = false;
  std::array<server::Worker, kThreads> query_threads_;
  std::array<server::Worker, kThreads> picture_threads_;
};

DeckServer::DeckServer(Library& library, const DeckOptions& options)
    : impl_(std::make_unique<Impl>(library, options)) {}
DeckServer::~DeckServer() = default;

std::string DeckServer::url() const {
  return impl_->url();
}
bool DeckServer::works() const {
  return impl_->works();
}
void DeckServer::run() {
  impl_->run();
}
void DeckServer::stop() {
  impl_->begin_stop();
}

}  // namespace saccade::photos
