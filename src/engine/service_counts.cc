#include "engine/service_counts.h"

namespace saccade::engine {

void ServiceCounts::add(const Result& result, std::int64_t images) {
  const Usage& usage = result.usage;
  ++(result.finish_reason == FinishReason::kCancelled ? cancelled_ : finished_);
  prompt_tokens_ += usage.prompt_tokens;
  completion_tokens_ += usage.completion_tokens;
  prefix_cache_.hits += usage.cached_tokens;
  prefix_cache_.misses += usage.prompt_tokens - usage.cached_tokens;
  vision_cache_.hits += usage.cached_images;
  vision_cache_.misses += images - usage.cached_images;
}

void ServiceCounts::show(ServiceStatus& status) const {
  status.finished = finished_;
  status.failed = failed_;
  status.cancelled = cancelled_;
  status.prompt_tokens = prompt_tokens_;
  status.completion_tokens = completion_tokens_;
}

void ServiceCounts::show(ServiceStatus& status, LoadedModel& model) const {
  status.steps = model.runner().steps();
  status.preemptions = model.runner().scheduler().preemptions();
  status.kv_pages = model.pool().num_pages();
  status.kv_pages_used = status.kv_pages - model.pool().free_pages();
  if (const PrefixCache* prefixes = model.prefix_cache()) {
    const std::int64_t page_bytes = model.pool().page_tokens() * model.info().kv_bytes_per_token;
    status.prefix_cache = {
        prefixes->pages() * page_bytes, status.kv_pages * page_bytes, prefixes->pages(),
        prefixes->evictions(),          prefix_cache_.hits.load(),    prefix_cache_.misses.load()};
  }
  const VisionCache& pictures = model.vision_cache();
  status.vision_cache = {pictures.bytes(),          pictures.budget_bytes(),
                         pictures.entries(),        pictures.evictions(),
                         vision_cache_.hits.load(), vision_cache_.misses.load()};
  if (const DiskTier* disk = model.disk_tier()) {
    const DiskStore& store = disk->store();
    status.disk_cache = {store.bytes(), store.budget_bytes(), store.entries(), store.evictions(),
                         disk->reads(), disk->writes(),       disk->skipped(), store.rejected()};
  }
}

}  // namespace saccade::engine
