// The CPU's key-value pages.
#pragma once

#include <cstddef>
#include <memory>

#include "compute/cpu/kernels/kernels.h"
#include "compute/kv_cache.h"

namespace saccade::compute::cpu {

/// One page holds kKeyBlock tokens of all layers: for each layer and head a block as KvBlockLayout
/// says, all of them float32 or all of them rounded.
class PagedKv : public KvCache {
 public:
  PagedKv(const KvLayout& layout, bool rounded, int num_pages);

  const KvBlockLayout& block_layout() const { return block_; }
  std::byte* block(std::int32_t page, int layer, int head) const {
    return static_cast<std::byte*>(data_.get()) + page * page_bytes_ +
           (static_cast<std::int64_t>(layer) * layout().num_kv_heads + head) * block_.bytes();
  }
  /// The blocks of one layer's head in a sequence with these pages.
  KvBlocks blocks(int layer, int head, const std::int32_t* pages) const {
    return {block(0, layer, head), page_bytes_, pages};
  }

  /// Bytes of one page of this layout.
  static std::int64_t page_bytes(const KvLayout& layout, bool rounded);

 private:
  KvBlockLayout block_;
  std::int64_t page_bytes_;
  std::shared_ptr<void> data_;
};

}  // namespace saccade::compute::cpu
