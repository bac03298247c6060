// Which slots for recurrent states belong to whom.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "compute/device.h"

namespace saccade::engine {

/// Hands out the slots of one store of recurrent states. A slot is one sequence's: states change
/// with every token, so that they cannot be shared.
class StatePool {
 public:
  /// A layout without layers needs no slots, and gets none.
  StatePool(compute::Device& device, const compute::StateLayout& layout, int num_slots);

  /// Null where there are no states.
  compute::StateStore* store() { return store_.get(); }
  /// Sequences need a slot.
  bool needed() const { return store_ != nullptr; }
  int num_slots() const { return store_ ? store_->num_slots() : 0; }
  int free_slots() const { return static_cast<int>(free_.size()); }

  /// Is asked for slots when none is free, until it returns false: it has none to give back.
  void set_reclaim(std::function<bool()> reclaim) { reclaim_ = std::move(reclaim); }

  /// A slot, or -1 when none is free. What lies in it is what its last owner left: a sequence's
  /// first token begins with zeros.
  int take();
  void release(int slot);

 private:
  std::unique_ptr<compute::StateStore> store_;
  std::vector<int> free_;
  std::function<bool()> reclaim_;
};

}  // namespace saccade::engine
