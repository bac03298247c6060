#include "engine/state_pool.h"

namespace saccade::engine {

StatePool::StatePool(compute::Device& device, const compute::StateLayout& layout, int num_slots) {
  if (layout.num_layers == 0) return;
  store_ = device.make_state_store(layout, num_slots);
  // Lowest slot first: memory that was used once is used again before new memory is touched.
  for (int slot = num_slots; slot-- > 0;) free_.push_back(slot);
}

int StatePool::take() {
  while (free_.empty() && reclaim_ && reclaim_()) {
  }
  if (free_.empty()) return -1;
  const int slot = free_.back();
  free_.pop_back();
  return slot;
}

void StatePool::release(int slot) {
  free_.push_back(slot);
}

}  // namespace saccade::engine
