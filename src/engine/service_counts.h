// What a service has done so far, for those who ask how it is.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/loaded_model.h"
#include "saccade/service.h"

namespace saccade::engine {

/// Counts since the service began. Any thread may add and read.
class ServiceCounts {
 public:
  /// A request that ended, with `images` pictures.
  void add(const Result& result, std::int64_t images);
  void add_cancelled() { ++cancelled_; }
  void add_failed() { ++failed_; }

  /// Requests and tokens.
  void show(ServiceStatus& status) const;
  /// Of the model's steps, pages and caches. On the thread that runs the model.
  void show(ServiceStatus& status, LoadedModel& model) const;

 private:
  struct Cache {
    std::atomic<std::int64_t> hits = 0, misses = 0;
  };
  std::atomic<std::int64_t> finished_ = 0, failed_ = 0, cancelled_ = 0;
  std::atomic<std::int64_t> prompt_tokens_ = 0, completion_tokens_ = 0;
  Cache prefix_cache_, vision_cache_;
};

}  // namespace saccade::engine
