#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
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

/// One number of a status, as a family of its own.
MetricFamily family_of(std::string name, std::string help, MetricType type, double value) {
  ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {std::move(name), std::move(help), type, {metric}};
}

/// One number of each cache, told apart by a label.
MetricFamily cache_family(std::string name, std::string help, MetricType type,
                          const ServiceStatus& status, std::int64_t CacheStatus::*number) {
  MetricFamily family{std::move(name), std::move(help), type, {}};
  for (const auto& [cache, counts] :
       {std::pair{"prefix", &status.prefix_cache}, std::pair{"vision", &status.vision_cache}}) {
    ClientMetric metric;
    metric.label = {{"cache", cache}};
    const auto value = static_cast<double>(counts->*number);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

void add_status(std::vector<MetricFamily>& families, const ServiceStatus& status) {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    families.push_back(family_of(name, help, MetricType::Gauge, static_cast<double>(value)));
  };
  const auto counter = [&](const char* name, const char* help, auto value) {
    families.push_back(family_of(name, help, MetricType::Counter, static_cast<double>(value)));
  };
  gauge("saccade_requests_waiting", "Requests that wait for their turn", status.waiting);
  gauge("saccade_requests_running", "Requests that are being answered", status.running);
  counter("saccade_requests_finished_total", "Requests answered to their end", status.finished);
  counter("saccade_requests_failed_total", "Requests that ended with an error", status.failed);
  counter("saccade_requests_cancelled_total", "Requests ended by their client or by a stop",
          status.cancelled);
  counter("saccade_preemptions_total", "Requests set back because memory for keys ran out",
          status.preemptions);
  counter("saccade_prompt_tokens_total", "Tokens of prompts, those of pictures included",
          status.prompt_tokens);
  counter("saccade_completion_tokens_total", "Tokens of answers", status.completion_tokens);
  counter("saccade_steps_total", "Steps of the model", status.steps);
  gauge("saccade_kv_pages_used", "Pages of keys and values in use", status.kv_pages_used);
  gauge("saccade_kv_pages", "Pages of keys and values that there are", status.kv_pages);
  const auto cache = [&](const char* name, const char* help, MetricType type,
                         std::int64_t CacheStatus::*number) {
    families.push_back(cache_family(name, help, type, status, number));
  };
  cache("saccade_cache_bytes", "Bytes that a cache holds", MetricType::Gauge, &CacheStatus::bytes);
  cache("saccade_cache_budget_bytes", "Bytes that a cache may hold", MetricType::Gauge,
        &CacheStatus::budget_bytes);
  cache("saccade_cache_entries", "Pictures or pages in a cache", MetricType::Gauge,
        &CacheStatus::entries);
  cache("saccade_cache_hits_total", "Pictures or prompt tokens whose work was skipped",
        MetricType::Counter, &CacheStatus::hits);
  cache("saccade_cache_misses_total", "Pictures or prompt tokens whose work was done",
        MetricType::Counter, &CacheStatus::misses);
  cache("saccade_cache_evictions_total", "Entries that made room for others", MetricType::Counter,
        &CacheStatus::evictions);
  if (!status.disk_cache) return;
  const DiskCacheStatus& disk = *status.disk_cache;
  gauge("saccade_disk_cache_bytes", "Bytes in the cache's directory", disk.bytes);
  gauge("saccade_disk_cache_budget_bytes", "Bytes that the cache's directory may hold",
        disk.budget_bytes);
  gauge("saccade_disk_cache_entries", "Pages, states and pictures in the cache's directory",
        disk.entries);
  counter("saccade_disk_cache_reads_total", "Entries read from the disk", disk.reads);
  counter("saccade_disk_cache_writes_total", "Entries written to the disk", disk.writes);
  counter("saccade_disk_cache_skipped_total", "Entries not written: the disk was slow or full",
          disk.skipped);
  counter("saccade_disk_cache_rejected_total", "Files that were damaged", disk.rejected);
  counter("saccade_disk_cache_evictions_total", "Entries on the disk that made room for others",
          disk.evictions);
}

}  // namespace

class Metrics::Impl {
 public:
  Histogram& seconds(const std::string& name, const std::string& help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, kSeconds);
  }

  prometheus::Registry registry;
  Family<Counter>& http_requests = prometheus::BuildCounter()
                                       .Name("saccade_http_requests_total")
                                       .Help("HTTP requests by route and status")
                                       .Register(registry);
  Family<Histogram>& stages = prometheus::BuildHistogram()
                                  .Name("saccade_stage_seconds")
                                  .Help("Time that a request spends in a stage")
                                  .Register(registry);
  Histogram& first_token =
      seconds("saccade_time_to_first_token_seconds", "From a request to its first token");
  Histogram& gap = seconds("saccade_gap_between_tokens_seconds", "Between two pieces of an answer");
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::add_http_request(const std::string& route, int status) {
  impl_->http_requests
      .Add({{"route", route.empty() ? "none" : route}, {"status", std::to_string(status)}})
      .Increment();
}

void Metrics::add_answer(const Result& result) {
  const Timings& timings = result.timings;
  constexpr double kSecond = 1000.0;
  if (result.usage.completion_tokens > 0) impl_->first_token.Observe(timings.ttft_ms / kSecond);
  for (const auto& [stage, ms] :
       {std::pair{"queue", timings.queue_ms}, std::pair{"media", timings.media_ms},
        std::pair{"vision", timings.vision_ms}, std::pair{"prefill", timings.prefill_ms},
        std::pair{"decode", timings.decode_ms}}) {
    impl_->stages.Add({{"stage", stage}}, kSeconds).Observe(ms / kSecond);
  }
}

void Metrics::add_gap(double seconds) {
  impl_->gap.Observe(seconds);
}

std::string Metrics::text(const ServiceStatus* status) const {
  std::vector<MetricFamily> families = impl_->registry.Collect();
  families.push_back(family_of("saccade_ready", "Whether the model is loaded", MetricType::Gauge,
                               status ? 1.0 : 0.0));
  families.push_back(family_of("saccade_memory_peak_bytes", "The most memory this process has had",
                               MetricType::Gauge, static_cast<double>(peak_memory_bytes())));
  families.push_back(family_of("saccade_memory_available_bytes",
                               "Memory that this machine has left", MetricType::Gauge,
                               static_cast<double>(available_memory_bytes())));
  if (status) add_status(families, *status);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace saccade::server
