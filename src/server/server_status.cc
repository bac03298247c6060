#include "server/server_status.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "base/memory_info.h"

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

json::object health_at(const Backend& backend, const Moment& now) {
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
  answer["models"] =
      json::object{{"loaded", loaded},
                   {"loading", loading},
                   {"failed", failed},
                   {"unloaded", now.count({ModelState::kUnloaded, ModelState::kUnloading})}};
  return answer;
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

void add_to(CacheStatus& sum, const CacheStatus& cache) {
  sum.bytes += cache.bytes;
  sum.budget_bytes += cache.budget_bytes;
  sum.entries += cache.entries;
  sum.hits += cache.hits;
  sum.misses += cache.misses;
  sum.evictions += cache.evictions;
}

/// Models share the directory, and count what each of them does there.
void add_to(std::optional<DiskCacheStatus>& sum, const DiskCacheStatus& disk) {
  if (!sum) sum.emplace();
  sum->bytes = std::max(sum->bytes, disk.bytes);
  sum->budget_bytes = disk.budget_bytes;
  sum->entries = std::max(sum->entries, disk.entries);
  for (std::int64_t DiskCacheStatus::*number :
       {&DiskCacheStatus::evictions, &DiskCacheStatus::reads, &DiskCacheStatus::writes,
        &DiskCacheStatus::skipped, &DiskCacheStatus::rejected}) {
    (*sum).*number += disk.*number;
  }
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
          &ServiceStatus::completion_tokens, &ServiceStatus::steps, &ServiceStatus::kv_pages_used,
          &ServiceStatus::kv_pages}) {
      sum.*number += (*status).*number;
    }
    sum.tokens_per_second += status->tokens_per_second;
    add_to(sum.prefix_cache, status->prefix_cache);
    add_to(sum.vision_cache, status->vision_cache);
    if (status->disk_cache) add_to(sum.disk_cache, *status->disk_cache);
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
          {"kv_pages", json::object{{"used", status.kv_pages_used}, {"total", status.kv_pages}}},
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
  return answer;
}

}  // namespace

json::object health_json(const Backend& backend) {
  return health_at(backend, Moment(backend));
}

bool is_ready(const json::object& health) {
  const auto& status = health.at("status").as_string();
  return status == "ready" || status == "busy";
}

json::object status_json(const Backend& backend) {
  const Moment now(backend);
  json::object answer = health_at(backend, now);
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

std::string metrics_text(const Backend& backend) {
  const Moment now(backend);
  std::vector<MeasuredModel> models;
  for (std::size_t i = 0; i < backend.models.size(); ++i) {
    models.push_back({backend.models[i].name, now.services[i]});
  }
  return backend.metrics.text(is_ready(health_at(backend, now)), models);
}

}  // namespace saccade::server
