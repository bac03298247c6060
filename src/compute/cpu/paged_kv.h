// The CPU's key-value pages.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "compute/cpu/kernels/kernels.h"
#include "compute/kv_cache.h"

namespace saccade::compute::cpu {

/// One page holds kKeyBlock tokens of all layers: for each layer and head a block as KvBlockLayout
/// says for the layer's heads, all of them of the same codes.
class PagedKv : public KvCache {
 public:
  PagedKv(const KvLayout& layout, KvCodes codes, int num_pages);

  const KvBlockLayout& block_layout(int layer) const { return layers_[layer].block; }
  std::byte* block(std::int32_t page, int layer, int head) const {
    const Layer& of = layers_[layer];
    return static_cast<std::byte*>(data_.get()) + page * page_bytes_ + of.offset +
           head * of.block.bytes();
  }
  /// The blocks of one layer's head in a sequence with these pages.
  KvBlocks blocks(int layer, int head, const std::int32_t* pages) const {
    return {block(0, layer, head), page_bytes_, pages};
  }

  /// One tensor u8 [num_pages, bytes of a page].
  std::vector<Tensor> page_rows() const override;
  void copy_page(std::int32_t from, std::int32_t to);

  /// Bytes of one page of this layout.
  static std::int64_t page_bytes(const KvLayout& layout, KvCodes codes);

 private:
  struct Layer {
    KvBlockLayout block;
    std::int64_t offset;  // in a page
  };
  std::vector<Layer> layers_;
  std::int64_t page_bytes_ = 0;
  std::shared_ptr<void> data_;
};

}  // namespace saccade::compute::cpu
