// Which key-value pages belong to whom.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "compute/device.h"

namespace saccade::engine {

/// Hands out the pages of one key-value cache. Pages are reference counted, so that sequences can
/// come to share them.
class KvPool {
 public:
  KvPool(compute::Device& device, const compute::KvLayout& layout, int num_pages);

  compute::KvCache& cache() { return *cache_; }
  int page_tokens() const { return cache_->page_tokens(); }
  int free_pages() const { return static_cast<int>(free_.size()); }
  int num_pages() const { return cache_->num_pages(); }

  /// Is asked for pages when none is free, until it returns false: it has none to give back.
  void set_reclaim(std::function<bool()> reclaim) { reclaim_ = std::move(reclaim); }

  /// A page with one reference, or -1 when none is free.
  std::int32_t take();
  void retain(std::int32_t page);
  /// Gives one reference back; the last one frees the page.
  void release(std::int32_t page);

 private:
  std::unique_ptr<compute::KvCache> cache_;
  std::vector<std::int32_t> free_;
  std::vector<int> references_;
  std::function<bool()> reclaim_;
};

}  // namespace saccade::engine
