#include "engine/kv_pool.h"

namespace saccade::engine {

KvPool::KvPool(compute::Device& device, const compute::KvLayout& layout, int num_pages)
    : cache_(device.make_kv_cache(layout, num_pages)), references_(num_pages, 0) {
  // Lowest page first: memory that was used once is used again before new memory is touched.
  for (std::int32_t page = num_pages - 1; page >= 0; --page) free_.push_back(page);
}

std::int32_t KvPool::take() {
  while (free_.empty() && reclaim_ && reclaim_()) {
  }
  if (free_.empty()) return -1;
  const std::int32_t page = free_.back();
  free_.pop_back();
  references_[page] = 1;
  return page;
}

void KvPool::retain(std::int32_t page) {
  ++references_[page];
}

void KvPool::release(std::int32_t page) {
  if (--references_[page] == 0) free_.push_back(page);
}

}  // namespace saccade::engine
