#include "compute/cpu/paged_kv.h"

#include <cstring>

#include "base/error.h"
#include "compute/cpu/mapped_memory.h"

namespace saccade::compute::cpu {

std::int64_t PagedKv::page_bytes(const KvLayout& layout, KvCodes codes) {
  std::int64_t bytes = 0;
  for (const auto& [num_kv_heads, head_dim] : layout.layers) {
    bytes += KvBlockLayout{head_dim, codes}.bytes() * num_kv_heads;
  }
  return bytes;
}

PagedKv::PagedKv(const KvLayout& layout, KvCodes codes, int num_pages)
    : KvCache(layout, kKeyBlock, num_pages) {
  for (const auto& [num_kv_heads, head_dim] : layout.layers) {
    if (head_dim > kMaxHeadDim) {
      fail("attention heads of size {}: the CPU kernels take at most {}", head_dim, kMaxHeadDim);
    }
    const KvBlockLayout block{head_dim, codes};
    layers_.push_back({block, page_bytes_});
    page_bytes_ += block.bytes() * num_kv_heads;
  }
  data_ = map_zeros(num_pages * page_bytes_, "a key-value cache");
}

std::vector<Tensor> PagedKv::page_rows() const {
  std::vector<Tensor> rows;
  if (page_bytes_ > 0) {
    rows.emplace_back(data_, data_.get(), DType::kU8, Shape{num_pages(), page_bytes_});
  }
  return rows;
}

void PagedKv::copy_page(std::int32_t from, std::int32_t to) {
  auto* data = static_cast<std::byte*>(data_.get());
  std::memcpy(data + to * page_bytes_, data + from * page_bytes_, page_bytes_);
}

}  // namespace saccade::compute::cpu
