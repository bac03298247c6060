#include "server/server.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "server/api.h"
#include "server/http_server.h"
#include "server/request_log.h"
#include "server/seal.h"
#include "server/trace_file.h"

namespace saccade::server {
namespace {

// What has been written when the last request ends still has to reach its client.
constexpr std::chrono::seconds kFlushTime{5};

/// The options, once they make sense and model and device are there.
ServeOptions checked(ServeOptions options) {
  options.engine.on_warning = [log = options.log](const std::string& message) {
    if (log) log_line("event=warning text=" + log_text(message));
  };
  check_options(options);
  device_info(options.engine);
  inspect_model(options.model, options.engine);
  // One of the largest must be possible.
  options.http.max_total_body_bytes =
      std::max(options.http.max_total_body_bytes, options.http.max_body_bytes);
  return options;
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(const ServeOptions& options)
      : options_(checked(options)),
        trace_(options_.trace.empty() ? nullptr : std::make_unique<TraceFile>(options_.trace)),
        backend_{options_, served_name(options_)},
        api_(backend_),
        http_(options_.http, api_) {
    options_.service.trace = trace_.get();
    // Before there are other threads and the model's files are read.
    if (options_.sealed) seal_process();
    note(fmt::format("event=start url={} model={} sealed={}", url(), log_text(backend_.model_name),
                     options_.sealed));
    const auto started = std::chrono::steady_clock::now();
    backend_.worker = std::make_unique<Worker>();
    backend_.fetcher = std::make_unique<PictureFetcher>(options_);
    backend_.host =
        std::make_unique<ModelHost>(options_, [this, started](const std::string& reason) {
          const std::chrono::duration<double, std::milli> ms =
              std::chrono::steady_clock::now() - started;
          note(reason.empty() ? fmt::format("event=ready load_ms={:.0f}", ms.count())
                              : "event=load_failed reason=" + log_text(reason));
        });
  }

  ~Impl() {
    if (stopping_.joinable()) stopping_.join();
    // These hold replies, which need the connections' context.
    backend_.fetcher.reset();
    backend_.worker.reset();
    backend_.host.reset();
  }

  std::uint16_t port() const { return http_.port(); }

  std::string url() const {
    const std::string& host = options_.http.host;
    const bool v6 = host.find(':') != std::string::npos;
    return fmt::format("http://{}:{}", v6 ? "[" + host + "]" : host, port());
  }

  bool run() {
    http_.on_stop_signal([this](int number) { on_signal(number); });
    http_.run();
    note("event=stop");
    return backend_.host->state().phase != Phase::kFailed;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    if (stopping_.joinable()) return;
    stopping_ = std::thread([this] {
      note(fmt::format("event=drain limit_seconds={}", options_.drain_seconds));
      backend_.host->drain(1000 * options_.drain_seconds);
      http_.stop(kFlushTime);
    });
  }

 private:
  void note(const std::string& event) const {
    if (options_.log) log_line(event);
  }

  void on_signal(int number) {
    // Whoever asks twice does not want to wait. No destructor could be sure to end soon.
    if (signalled_) _exit(128 + number);
    signalled_ = true;
    stop();
  }

  ServeOptions options_;
  const std::unique_ptr<TraceFile> trace_;
  Backend backend_;
  Api api_;
  HttpServer http_;
  bool signalled_ = false;
  std::mutex mutex_;
  std::thread stopping_;
};

Server::Server(const ServeOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Server::~Server() = default;

std::string Server::url() const {
  return impl_->url();
}
std::uint16_t Server::port() const {
  return impl_->port();
}
bool Server::run() {
  return impl_->run();
}
void Server::stop() {
  impl_->stop();
}

std::vector<RouteInfo> server_routes() {
  const ServeOptions options;
  Backend backend{options, ""};
  std::vector<RouteInfo> routes;
  const Router router = make_router(backend);
  for (const Route& route : router.routes()) {
    const char* access = route.access == Access::kOpen  ? "open"
                         : route.access == Access::kKey ? "key"
                                                        : "admin";
    routes.push_back({route.method, route.path, access, route.description});
  }
  return routes;
}

}  // namespace saccade::server
