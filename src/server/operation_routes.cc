// Health, metrics, status and caches.
#include <boost/json.hpp>
#include <cmath>

#include "base/memory_info.h"
#include "server/api.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// "loading", "ready", "busy" (requests wait), "draining" or "failed", with what belongs to it.
json::object health(const Backend& backend) {
  const HostState state = backend.host->state();
  switch (state.phase) {
    case Phase::kLoading:
      return {{"status", "loading"}, {"progress", std::floor(1000.0 * state.progress) / 1000.0}};
    case Phase::kFailed:
      return {{"status", "failed"}, {"reason", state.reason}};
    case Phase::kDraining:
      return {{"status", "draining"}};
    case Phase::kReady:
      break;
  }
  const ServiceStatus status = backend.host->find()->service.status();
  return {{"status", status.waiting > 0 ? "busy" : "ready"},
          {"waiting", status.waiting},
          {"running", status.running}};
}

json::object cache_json(const CacheStatus& cache) {
  return {{"bytes", cache.bytes},     {"budget_bytes", cache.budget_bytes},
          {"entries", cache.entries}, {"hits", cache.hits},
          {"misses", cache.misses},   {"evictions", cache.evictions}};
}

json::object caches_json(const ServiceStatus& status) {
  json::object caches{{"prefix", cache_json(status.prefix_cache)},
                      {"vision", cache_json(status.vision_cache)}};
  if (const auto& disk = status.disk_cache) {
    caches["disk"] = json::object{{"bytes", disk->bytes},     {"budget_bytes", disk->budget_bytes},
                                  {"entries", disk->entries}, {"evictions", disk->evictions},
                                  {"reads", disk->reads},     {"writes", disk->writes},
                                  {"skipped", disk->skipped}, {"rejected", disk->rejected}};
  }
  return caches;
}

json::object status_json(const Backend& backend) {
  json::object answer = health(backend);
  answer["model"] = backend.model_name;
  answer["uptime_seconds"] = unix_time() - backend.started;
  answer["memory"] = json::object{{"peak_bytes", peak_memory_bytes()},
                                  {"available_bytes", available_memory_bytes()}};
  const LoadedModel* model = backend.host->find();
  if (!model) return answer;
  const ModelInfo& info = model->service.info();
  const ServiceStatus status = model->service.status();
  answer["family"] = info.family;
  answer["device"] = model->device.name;
  answer["weight_bytes"] = info.bytes;
  answer["context_length"] = info.context_length;
  answer["requests"] =
      json::object{{"waiting", status.waiting},     {"running", status.running},
                   {"finished", status.finished},   {"failed", status.failed},
                   {"cancelled", status.cancelled}, {"preemptions", status.preemptions}};
  answer["tokens"] =
      json::object{{"prompt", status.prompt_tokens}, {"completion", status.completion_tokens}};
  answer["steps"] = status.steps;
  answer["kv_pages"] = json::object{{"used", status.kv_pages_used}, {"total", status.kv_pages}};
  answer["cache"] = caches_json(status);
  return answer;
}

/// Whether requests are taken: what /readyz and, but for a failure, /health do not mix up.
int ready_status(const Backend& backend) {
  return backend.host->state().phase == Phase::kReady ? 200 : 503;
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
                reply->send({ready_status(backend), json::serialize(health(backend))});
              }});
  router.add({"GET", "/health", Access::kOpen, Dialect::kOpenAi,
              "`status` is loading (with `progress`), ready, busy, draining or failed (with "
              "`reason`); 503 for failed alone",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                const bool failed = backend.host->state().phase == Phase::kFailed;
                reply->send({failed ? 503 : 200, json::serialize(health(backend))});
              }});
}

}  // namespace

void add_operation_routes(Router& router, Backend& backend) {
  add_health_routes(router, backend);
  router.add({"GET", "/metrics", Access::kKey, Dialect::kOpenAi, "Measurements for Prometheus",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                std::optional<ServiceStatus> status;
                if (const LoadedModel* model = backend.host->find()) {
                  status = model->service.status();
                }
                reply->send({200, backend.metrics.text(status ? &*status : nullptr),
                             "text/plain; version=0.0.4; charset=utf-8"});
              }});
  router.add({"GET", "/v1/admin/status", Access::kAdmin, Dialect::kOpenAi,
              "Model, requests, tokens, memory and caches", answering(backend, status_json)});
  router.add({"GET", "/v1/admin/cache", Access::kAdmin, Dialect::kOpenAi, "What the caches hold",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                const LoadedModel& model = backend.host->need();
                reply->send({200, json::serialize(caches_json(model.service.status()))});
              }});
  router.add({"DELETE", "/v1/admin/cache", Access::kAdmin, Dialect::kOpenAi,
              "Forgets all pictures and prompts that no request uses",
              [&backend](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
                LoadedModel& model = backend.host->need();
                // It waits for a step of the model to end.
                answer_in_background(backend, {request.id, reply, Dialect::kOpenAi}, [&model] {
                  model.service.clear_caches();
                  return json::serialize(caches_json(model.service.status()));
                });
              }});
}

}  // namespace saccade::server
