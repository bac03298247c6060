#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory_info.h"

namespace saccade::server {
namespace {

using prometheus::ClientMetric;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Seconds, from what a cached picture takes on a small model to a long document on a processor.
const Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25,
                                              0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 100.0};

using Label = ClientMetric::Label;

ClientMetric metric_of(MetricType type, std::vector<Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return metric;
}

/// One number, as a family of its own.
MetricFamily gauge_of(std::string name, std::string help, double value) {
  return {std::move(name),
          std::move(help),
          MetricType::Gauge,
          {metric_of(MetricType::Gauge, {}, value)}};
}

/// The numbers of loaded models, each a family with a metric for each model.
class StatusFamilies {
 public:
  StatusFamilies(std::vector<MetricFamily>& families, std::span<const MeasuredModel> models)
      : families_(families), models_(models) {}

  template <typename Number>
  void gauge(const char* name, const char* help, Number ServiceStatus::*number) {
    add(name, help, MetricType::Gauge, number);
  }
  template <typename Number>
  void counter(const char* name, const char* help, Number ServiceStatus::*number) {
    add(name, help, MetricType::Counter, number);
  }

  /// One number of each cache, told apart by a second label.
  void cache(const char* name, const char* help, MetricType type,
             std::int64_t CacheStatus::*number) {
    MetricFamily family{name, help, type, {}};
    for (const MeasuredModel& model : models_) {
      if (!model.status) continue;
      for (const auto& [cache, counts] : {std::pair{"prefix", &model.status->prefix_cache},
                                          std::pair{"vision", &model.status->vision_cache}}) {
        family.metric.push_back(metric_of(type, {{"model", model.name}, {"cache", cache}},
                                          static_cast<double>(counts->*number)));
      }
    }
    families_.push_back(std::move(family));
  }

  /// One number of the cache's directory, where there is one; models share it.
  void disk(const char* name, const char* help, MetricType type,
            std::int64_t DiskCacheStatus::*number) {
    MetricFamily family{name, help, type, {}};
    for (const MeasuredModel& model : models_) {
      if (!model.status || !model.status->disk_cache) continue;
      family.metric.push_back(metric_of(type, {{"model", model.name}},
                                        static_cast<double>((*model.status->disk_cache).*number)));
    }
    if (!family.metric.empty()) families_.push_back(std::move(family));
  }

 private:
  template <typename Number>
  void add(const char* name, const char* help, MetricType type, Number ServiceStatus::*number) {
    MetricFamily family{name, help, type, {}};
    for (const MeasuredModel& model : models_) {
      if (!model.status) continue;
      const auto value = static_cast<double>((*model.status).*number);
      family.metric.push_back(metric_of(type, {{"model", model.name}}, value));
    }
    families_.push_back(std::move(family));
  }

  std::vector<MetricFamily>& families_;
  std::span<const MeasuredModel> models_;
};

void add_status(std::vector<MetricFamily>& families, std::span<const MeasuredModel> models) {
  MetricFamily loaded{"saccade_model_loaded", "Whether a model is loaded", MetricType::Gauge, {}};
  for (const MeasuredModel& model : models) {
    loaded.metric.push_back(
        metric_of(MetricType::Gauge, {{"model", model.name}}, model.status ? 1.0 : 0.0));
  }
  families.push_back(std::move(loaded));
  // Counts are since the model was loaded; Prometheus knows counters that begin anew.
  StatusFamilies numbers(families, models);
  numbers.gauge("saccade_requests_waiting", "Requests that wait for their turn",
                &ServiceStatus::waiting);
  numbers.gauge("saccade_requests_running", "Requests that are being answered",
                &ServiceStatus::running);
  numbers.counter("saccade_requests_finished_total", "Requests answered to their end",
                  &ServiceStatus::finished);
  numbers.counter("saccade_requests_failed_total", "Requests that ended with an error",
                  &ServiceStatus::failed);
  numbers.counter("saccade_requests_cancelled_total", "Requests ended by their client or by a stop",
                  &ServiceStatus::cancelled);
  numbers.counter("saccade_preemptions_total", "Requests set back because memory for keys ran out",
                  &ServiceStatus::preemptions);
  numbers.counter("saccade_prompt_tokens_total", "Tokens of prompts, those of pictures included",
                  &ServiceStatus::prompt_tokens);
  numbers.counter("saccade_completion_tokens_total", "Tokens of answers",
                  &ServiceStatus::completion_tokens);
  numbers.counter("saccade_steps_total", "Steps of the model", &ServiceStatus::steps);
  numbers.gauge("saccade_kv_pages_used", "Pages of keys and values in use",
                &ServiceStatus::kv_pages_used);
  numbers.gauge("saccade_kv_pages", "Pages of keys and values that there are",
                &ServiceStatus::kv_pages);
  numbers.cache("saccade_cache_bytes", "Bytes that a cache holds", MetricType::Gauge,
                &CacheStatus::bytes);
  numbers.cache("saccade_cache_budget_bytes", "Bytes that a cache may hold", MetricType::Gauge,
                &CacheStatus::budget_bytes);
  numbers.cache("saccade_cache_entries", "Pictures or pages in a cache", MetricType::Gauge,
                &CacheStatus::entries);
  numbers.cache("saccade_cache_hits_total", "Pictures or prompt tokens whose work was skipped",
                MetricType::Counter, &CacheStatus::hits);
  numbers.cache("saccade_cache_misses_total", "Pictures or prompt tokens whose work was done",
                MetricType::Counter, &CacheStatus::misses);
  numbers.cache("saccade_cache_evictions_total", "Entries that made room for others",
                MetricType::Counter, &CacheStatus::evictions);
  numbers.disk("saccade_disk_cache_bytes", "Bytes in the cache's directory", MetricType::Gauge,
               &DiskCacheStatus::bytes);
  numbers.disk("saccade_disk_cache_budget_bytes", "Bytes that the cache's directory may hold",
               MetricType::Gauge, &DiskCacheStatus::budget_bytes);
  numbers.disk("saccade_disk_cache_entries", "Pages, states and pictures in the cache's directory",
               MetricType::Gauge, &DiskCacheStatus::entries);
  numbers.disk("saccade_disk_cache_reads_total", "Entries read from the disk", MetricType::Counter,
               &DiskCacheStatus::reads);
  numbers.disk("saccade_disk_cache_writes_total", "Entries written to the disk",
               MetricType::Counter, &DiskCacheStatus::writes);
  numbers.disk("saccade_disk_cache_skipped_total", "Entries not written: the disk was slow or full",
               MetricType::Counter, &DiskCacheStatus::skipped);
  numbers.disk("saccade_disk_cache_rejected_total", "Files that were damaged", MetricType::Counter,
               &DiskCacheStatus::rejected);
  numbers.disk("saccade_disk_cache_evictions_total",
               "Entries on the disk that made room for others", MetricType::Counter,
               &DiskCacheStatus::evictions);
}

}  // namespace

class Metrics::Impl {
 public:
  Family<Histogram>& seconds(const std::string& name, const std::string& help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  prometheus::Registry registry;
  Family<Counter>& http_requests = prometheus::BuildCounter()
                                       .Name("saccade_http_requests_total")
                                       .Help("HTTP requests by route and status")
                                       .Register(registry);
  Family<Histogram>& stages =
      seconds("saccade_stage_seconds", "Time that a request spends in a stage");
  Family<Histogram>& first_token =
      seconds("saccade_time_to_first_token_seconds", "From a request to its first token");
  Family<Histogram>& gap =
      seconds("saccade_gap_between_tokens_seconds", "Between two pieces of an answer");

  std::mutex mutex;
  std::map<std::string, std::unique_ptr<ModelMetrics>> models;  // guarded by mutex
};

namespace {

class ModelHistograms : public ModelMetrics {
 public:
  ModelHistograms(const std::string& model, Family<Histogram>& stages,
                  Family<Histogram>& first_token, Family<Histogram>& gap)
      : first_token_(first_token.Add({{"model", model}}, kSeconds)),
        gap_(gap.Add({{"model", model}}, kSeconds)) {
    for (std::size_t i = 0; i < kStages.size(); ++i) {
      stages_[i] = &stages.Add({{"model", model}, {"stage", kStages[i].first}}, kSeconds);
    }
  }

  void add_answer(const Result& result) override {
    constexpr double kSecond = 1000.0;
    if (result.usage.completion_tokens > 0) {
      first_token_.Observe(result.timings.ttft_ms / kSecond);
    }
    for (std::size_t i = 0; i < kStages.size(); ++i) {
      stages_[i]->Observe(result.timings.*kStages[i].second / kSecond);
    }
  }
  void add_gap(double seconds) override { gap_.Observe(seconds); }

 private:
  static constexpr std::array<std::pair<const char*, double Timings::*>, 5> kStages = {{
      {"queue", &Timings::queue_ms},
      {"media", &Timings::media_ms},
      {"vision", &Timings::vision_ms},
      {"prefill", &Timings::prefill_ms},
      {"decode", &Timings::decode_ms},
  }};
  std::array<Histogram*, kStages.size()> stages_;
  Histogram& first_token_;
  Histogram& gap_;
};

}  // namespace

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::add_http_request(const std::string& route, int status) {
  impl_->http_requests
      .Add({{"route", route.empty() ? "none" : route}, {"status", std::to_string(status)}})
      .Increment();
}

ModelMetrics& Metrics::of(const std::string& model) {
  const std::lock_guard lock(impl_->mutex);
  std::unique_ptr<ModelMetrics>& metrics = impl_->models[model];
  if (!metrics) {
    metrics =
        std::make_unique<ModelHistograms>(model, impl_->stages, impl_->first_token, impl_->gap);
  }
  return *metrics;
}

std::string Metrics::text(bool ready, std::span<const MeasuredModel> models) const {
  std::vector<MetricFamily> families = impl_->registry.Collect();
  families.push_back(gauge_of("saccade_ready", "Whether requests are taken", ready ? 1.0 : 0.0));
  families.push_back(gauge_of("saccade_memory_peak_bytes", "The most memory this process has had",
                              static_cast<double>(peak_memory_bytes())));
  families.push_back(gauge_of("saccade_memory_available_bytes", "Memory that this machine has left",
                              static_cast<double>(available_memory_bytes())));
  add_status(families, models);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace saccade::server
