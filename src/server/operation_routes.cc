// Health, metrics, status and caches.
#include <boost/json.hpp>

#include "server/api.h"
#include "server/server_status.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

void clear_caches(const Backend& backend) {
  for (std::size_t i = 0; i < backend.models.size(); ++i) {
    const auto model = std::static_pointer_cast<LoadedModel>(backend.pool->status(i).model);
    if (model) model->service.clear_caches();
  }
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
                const json::object now = health_json(backend);
                reply->send({is_ready(now) ? 200 : 503, json::serialize(now)});
              }});
  router.add({"GET", "/health", Access::kOpen, Dialect::kOpenAi,
              "`status` is loading (with `progress`), ready, busy, draining or failed (with "
              "`reason`); 503 for failed alone",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                const json::object now = health_json(backend);
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
                answer_in_background(backend, {request.id, reply, Dialect::kOpenAi}, [&backend] {
                  clear_caches(backend);
                  return json::serialize(all_caches_json(backend));
                });
              }});
}

}  // namespace saccade::server
