// The CPU's key-value pages.
#pragma once

#include <memory>

#include "compute/cpu/kernels/kernels.h"
#include "compute/kv_cache.h"

namespace saccade::compute::cpu {

/// One page holds kKeyBlock tokens of all layers. For each layer and head, keys lie transposed,
/// [head_dim, kKeyBlock], so that sixteen scores are one chain of multiply-adds, and values as
/// [kKeyBlock, padded(head_dim)].
class PagedKv : public KvCache {
 public:
  PagedKv(const KvLayout& layout, int num_pages);

  float* keys(std::int32_t page, int layer, int head) const {
    return data_.get() + page * page_floats_ +
           (layer * layout().num_kv_heads + head) * head_floats_;
  }
  float* values(std::int32_t page, int layer, int head) const {
    return keys(page, layer, head) + static_cast<std::int64_t>(layout().head_dim) * kKeyBlock;
  }

  /// Floats of one page of this layout.
  static std::int64_t page_floats(const KvLayout& layout);

 private:
  std::int64_t head_floats_;
  std::int64_t page_floats_;
  std::shared_ptr<float> data_;
};

}  // namespace saccade::compute::cpu
