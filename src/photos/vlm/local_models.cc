#include "photos/vlm/local_models.h"

#include <algorithm>
#include <tuple>

namespace saccade::photos {
namespace {

/// All that shapes an engine.
auto key_of(const EngineOptions& options) {
  return std::tie(options.mmproj, options.device, options.activations, options.tower_precision,
                  options.kv_precision, options.batch_invariant, options.threads,
                  options.instruction_set, options.kv_memory_bytes, options.max_image_pixels,
                  options.fast_decode, options.max_batch_tokens, options.prefix_cache,
                  options.vision_cache_bytes, options.cache_dir, options.cache_dir_bytes);
}

}  // namespace

std::shared_ptr<Service> LocalModels::get(const std::string& model, const EngineOptions& options) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [](const Entry& entry) { return entry.service.expired(); });
  for (const Entry& entry : entries_) {
    if (entry.model != model || key_of(entry.options) != key_of(options)) continue;
    if (auto service = entry.service.lock()) return service;
  }
  auto service = std::make_shared<Service>(Engine::load(model, options));
  entries_.push_back({model, options, service});
  return service;
}

}  // namespace saccade::photos
