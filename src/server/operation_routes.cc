// Health, metrics, status and caches.
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <initializer_list>

#include "base/memory_info.h"
#include "server/api.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// All models at one moment.
struct Moment {
  std::vector<PooledStatus> pooled;
  std::vector<std::optional<ServiceStatus>> services;  ///< of those that are loaded
  int waiting = 0, running = 0;                        ///< requests of all of them

  explicit Moment(const Backend& backend) {
    for (std::size_t i = 0; i < backend.models.size(); ++i) {
      PooledStatus status = backend.pool->status(i);
      std::optional<ServiceStatus> service;
      if (const auto model = std::static_pointer_cast<LoadedModel>(status.model)) {
        service = model->service.status();
        waiting += service->waiting;
        running += service->running;
      }
      status.model.reset();
      waiting += status.waiting;
      pooled.push_back(std::move(status));
      services.push_back(service);
    }
  }

  int count(std::initializer_list<ModelState> states) const {
    return static_cast<int>(std::ranges::count_if(pooled, [&](const PooledStatus& status) {
      return std::ranges::find(states, status.state) != states.end();
    }));
  }
};

/// Why models could not be loaded.
std::string failures(const Backend& backend, const Moment& now) {
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < now.pooled.size(); ++i) {
    if (now.pooled[i].state != ModelState::kFailed) continue;
    const bool one = now.pooled.size() == 1;
    reasons.push_back((one ? "" : backend.models[i].name + ": ") + now.pooled[i].reason);
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

/// "loading" (no model is there yet), "ready", "busy" (requests wait), "draining" or "failed" (none
/// can be had), with what belongs to it.
json::object health(const Backend& backend, const Moment& now) {
  if (backend.pool->stopping()) return {{"status", "draining"}};
  json::object answer = {{"status", now.waiting > 0 ? "busy" : "ready"},
                         {"waiting", now.waiting},
                         {"running", now.running}};
  const int loading = now.count({ModelState::kQueued, ModelState::kLoading});
  const int failed = now.count({ModelState::kFailed});
  const int loaded = now.count({ModelState::kLoaded});
  if (loading > 0 && loaded == 0) {
    double progress = 0.0;
    for (const PooledStatus& status : now.pooled) progress = std::max(progress, status.progress);
    answer["status"] = "loading";
    answer["progress"] = std::floor(1000.0 * progress) / 1000.0;
  } else if (failed == static_cast<int>(now.pooled.size())) {
    answer["status"] = "failed";
  }
  if (failed > 0) answer["reason"] = failures(backend, now);
  // Names are not for everybody.
  answer["models"] =
      json::object{{"loaded", loaded},
                   {"loading", loading},
                   {"failed", failed},
                   {"unloaded", now.count({ModelState::kUnloaded, ModelState::kUnloading})}};
  return answer;
}

bool is_ready(const json::object& health) {
  const auto& status = health.at("status").as_string();
  return status == "ready" || status == "busy";
}

json::object cache_json(const CacheStatus& cache) {
  return {{"bytes", cache.bytes},     {"budget_bytes", cache.budget_bytes},
          {"entries", cache.entries}, {"hits", cache.hits},
          {"misses", cache.misses},   {"evictions", cache.evictions}};
}

json::object caches_json(const ServiceStatus& status) {
  return {{"prefix", cache_json(status.prefix_cache)}, {"vision", cache_json(status.vision_cache)}};
}

void add_to(CacheStatus& sum, const CacheStatus& cache) {
  sum.bytes += cache.bytes;
  sum.budget_bytes += cache.budget_bytes;
  sum.entries += cache.entries;
  sum.hits += cache.hits;
  sum.misses += cache.misses;
  sum.evictions += cache.evictions;
}

/// What the routes say of several models together.
ServiceStatus sum_of(const Moment& now) {
  ServiceStatus sum;
  for (const auto& status : now.services) {
    if (!status) continue;
    for (int ServiceStatus::*number : {&ServiceStatus::waiting, &ServiceStatus::running}) {
      sum.*number += (*status).*number;
    }
    for (std::int64_t ServiceStatus::*number :
         {&ServiceStatus::finished, &ServiceStatus::failed, &ServiceStatus::cancelled,
          &ServiceStatus::preemptions, &ServiceStatus::prompt_tokens,
          &ServiceStatus::completion_tokens, &ServiceStatus::steps}) {
      sum.*number += (*status).*number;
    }
    sum.tokens_per_second += status->tokens_per_second;
    add_to(sum.prefix_cache, status->prefix_cache);
    add_to(sum.vision_cache, status->vision_cache);
  }
  return sum;
}

/// Requests, tokens and caches, of one model or of all.
json::object numbers_json(const ServiceStatus& status) {
  return {{"requests", json::object{{"waiting", status.waiting},
                                    {"running", status.running},
                                    {"finished", status.finished},
                                    {"failed", status.failed},
                                    {"cancelled", status.cancelled},
                                    {"preemptions", status.preemptions}}},
          {"tokens", json::object{{"per_second", status.tokens_per_second},
                                  {"prompt", status.prompt_tokens},
                                  {"completion", status.completion_tokens}}},
          {"steps", status.steps},
          {"cache", caches_json(status)}};
}

json::object model_json(const ModelSetup& model, const PooledStatus& pooled,
                        const std::optional<ServiceStatus>& status) {
  json::object answer = {{"id", model.name},
                         {"state", state_name(pooled.state)},
                         {"progress", pooled.progress},
                         {"waiting_for_load", pooled.waiting},
                         {"family", model.info.family},
                         {"context_length", model.info.context_length},
                         {"weight_bytes", model.info.bytes},
                         {"memory_bytes", model.bytes}};
  if (pooled.state == ModelState::kFailed) answer["reason"] = pooled.reason;
  if (!status) return answer;
  json::object numbers = numbers_json(*status);
  answer.insert(numbers.begin(), numbers.end());
  answer["kv_pages"] = json::object{{"used", status->kv_pages_used}, {"total", status->kv_pages}};
  return answer;
}

json::object status_json(const Backend& backend) {
  const Moment now(backend);
  json::object answer = health(backend, now);
  answer["uptime_seconds"] = unix_time() - backend.started;
  json::object memory = {{"peak_bytes", peak_memory_bytes()},
                         {"available_bytes", available_memory_bytes()}};
  if (backend.options.memory_budget) memory["budget_bytes"] = *backend.options.memory_budget;
  answer["memory"] = std::move(memory);
  json::object numbers = numbers_json(sum_of(now));
  answer.insert(numbers.begin(), numbers.end());
  json::array& models = answer["models"].emplace_array();
  for (std::size_t i = 0; i < backend.models.size(); ++i) {
    models.push_back(model_json(backend.models[i], now.pooled[i], now.services[i]));
  }
  return answer;
}

/// The caches of all models together, and of each.
json::object all_caches_json(const Backend& backend) {
  const Moment now(backend);
  json::object answer = caches_json(sum_of(now));
  json::array& models = answer["models"].emplace_array();
  for (std::size_t i = 0; i < backend.models.size(); ++i) {
    if (!now.services[i]) continue;
    json::object caches = caches_json(*now.services[i]);
    caches["id"] = backend.models[i].name;
    models.push_back(std::move(caches));
  }
  return answer;
}

void clear_caches(const Backend& backend) {
  for (std::size_t i = 0; i < backend.models.size(); ++i) {
    const auto model = std::static_pointer_cast<LoadedModel>(backend.pool->status(i).model);
    if (model) model->service.clear_caches();
  }
}

std::string metrics_text(const Backend& backend) {
  const Moment now(backend);
  std::vector<MeasuredModel> models;
  for (std::size_t i = 0; i < backend.models.size(); ++i) {
    models.push_back({backend.models[i].name, now.services[i]});
  }
  return backend.metrics.text(is_ready(health(backend, now)), models);
}

Handler answering(Backend& backend, json::object (*make)(const Backend&)) {
  return [&backend, make](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
    reply->send({200, json::serialize(make(backend))});
  };
}

void add_health_routes(Router& router, Backend& backend) {
  router.add({"GET", "/livez", Access::kOpen, Dialect::kOpenAi,
              "200 as long as the server answers at all",
              [](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                reply->send({200, R"({"status":"alive"})"});
              }});
  router.add({"GET", "/readyz", Access::kOpen, Dialect::kOpenAi,
              "200 when requests are taken, otherwise 503",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                const json::object now = health(backend, Moment(backend));
                reply->send({is_ready(now) ? 200 : 503, json::serialize(now)});
              }});
  router.add({"GET", "/health", Access::kOpen, Dialect::kOpenAi,
              "`status` is loading (with `progress`), ready, busy, draining or failed (with "
              "`reason`); 503 for failed alone",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                const json::object now = health(backend, Moment(backend));
                const bool failed = now.at("status").as_string() == "failed";
                reply->send({failed ? 503 : 200, json::serialize(now)});
              }});
}

}  // namespace

void add_operation_routes(Router& router, Backend& backend) {
  add_health_routes(router, backend);
  router.add(
      {"GET", "/metrics", Access::kKey, Dialect::kOpenAi, "Measurements for Prometheus",
       [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
         reply->send({200, metrics_text(backend), "text/plain; version=0.0.4; charset=utf-8"});
       }});
  router.add({"GET", "/v1/admin/status", Access::kAdmin, Dialect::kOpenAi,
              "Requests, tokens, memory and caches, together and of each model",
              answering(backend, status_json)});
  router.add({"GET", "/v1/admin/cache", Access::kAdmin, Dialect::kOpenAi,
              "What the caches hold, together and of each model",
              answering(backend, all_caches_json)});
  router.add({"DELETE", "/v1/admin/cache", Access::kAdmin, Dialect::kOpenAi,
              "Forgets all pictures and prompts that no request uses",
              [&backend](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
                // It waits for a step of each model to end.
                answer_in_background(backend, request.id, reply, Dialect::kOpenAi, [&backend] {
                  clear_caches(backend);
                  return json::serialize(all_caches_json(backend));
                });
              }});
}

}  // namespace saccade::server
