#include "server/server.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "server/api.h"
#include "server/http_server.h"
#include "server/memory_plan.h"
#include "server/request_log.h"
#include "server/seal.h"
#include "server/trace_file.h"

namespace saccade::server {
namespace {

// What has been written when the last request ends still has to reach its client.
constexpr std::chrono::seconds kFlushTime{5};

/// The options, once they make sense.
ServeOptions checked(ServeOptions options) {
  if (options.models.empty()) fail_usage("a server needs a model");
  options.engine.on_warning = [log = options.log](const std::string& message) {
    if (log) log_line("event=warning text=" + log_text(message));
  };
  check_options(options);
  // One of the largest must be possible.
  options.http.max_total_body_bytes =
      std::max(options.http.max_total_body_bytes, options.http.max_body_bytes);
  return options;
}

/// The models with what each may take. Throws Error where one, or the device, is not there.
std::vector<ModelSetup> set_up(const ServeOptions& options) {
  const DeviceInfo device = device_info(options.engine);
  std::vector<ModelSetup> models;
  std::vector<PlannedModel> planned;
  for (const ServedModel& model : options.models) {
    ModelInfo info = inspect_model(model.model, options.engine);
    planned.push_back({served_name(model), memory_needs(info)});
    models.push_back({model.model, served_name(model), options.engine, std::move(info)});
  }
  const auto shares = plan_memory(planned, options, device.available_memory_bytes);
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (shares[i].kv_bytes) models[i].engine.kv_memory_bytes = shares[i].kv_bytes;
    models[i].bytes = shares[i].bytes;
  }
  return models;
}

PoolOptions pool_options(const ServeOptions& options) {
  return {options.memory_budget, options.service.max_waiting,
          std::chrono::seconds(options.load_wait_seconds)};
}

/// Those that find room are loaded before anybody asks, the first ones first.
std::vector<PooledModel> pooled(const std::vector<ModelSetup>& models,
                                const std::optional<std::int64_t>& budget) {
  std::vector<PooledModel> pooled;
  std::int64_t used = 0;
  for (const ModelSetup& model : models) {
    const bool fits = !budget || used + model.bytes <= *budget;
    if (fits) used += model.bytes;
    pooled.push_back({model.name, model.bytes, fits});
  }
  return pooled;
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(const ServeOptions& options)
      : options_(checked(options)),
        trace_(options_.trace.empty() ? nullptr : std::make_unique<TraceFile>(options_.trace)),
        backend_{options_, set_up(options_)},
        api_(backend_),
        http_(options_.http, api_) {
    options_.service.trace = trace_.get();
    // Before there are other threads and the model's files are read.
    if (options_.sealed) seal_process();
    note(fmt::format("event=start url={} models={} sealed={}", url(),
                     log_text(served_names(options_)), options_.sealed));
    backend_.worker = std::make_unique<Worker>();
    backend_.fetcher = std::make_unique<PictureFetcher>(options_);
    backend_.pool = std::make_unique<ModelPool>(
        pooled(backend_.models, options_.memory_budget), pool_options(options_),
        PoolCalls{[this](std::size_t model, const std::function<void(double)>& on_progress) {
                    return load_model(backend_.models[model], options_.service, backend_.metrics,
                                      on_progress);
                  },
                  [this](const std::string& event) { note(event); }});
  }

  ~Impl() {
    if (stopping_.joinable()) stopping_.join();
    // These hold replies, which need the connections' context.
    backend_.fetcher.reset();
    backend_.worker.reset();
    backend_.pool.reset();
  }

  std::uint16_t port() const { return http_.port(); }

  std::string url() const {
    const std::string& host = options_.http.host;
    const bool v6 = host.find(':') != std::string::npos;
    return fmt::format("http://{}:{}", v6 ? "[" + host + "]" : host, port());
  }

  bool run() {
    if (options_.ends_on_signals) {
      http_.on_stop_signal([this](int number) { on_signal(number); });
    }
    http_.run();
    note("event=stop");
    for (std::size_t i = 0; i < backend_.models.size(); ++i) {
      if (backend_.pool->status(i).state == ModelState::kFailed) return false;
    }
    return true;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    if (stopping_.joinable()) return;
    stopping_ = std::thread([this] {
      note(fmt::format("event=drain limit_seconds={}", options_.drain_seconds));
      backend_.pool->drain(1000 * options_.drain_seconds);
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
  Backend backend{options};
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
