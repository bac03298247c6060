#include "compute/cpu/paged_kv.h"

#include "base/error.h"
#include "compute/cpu/mapped_memory.h"

namespace saccade::compute::cpu {

std::int64_t PagedKv::page_bytes(const KvLayout& layout, bool rounded) {
  return KvBlockLayout{layout.head_dim, rounded}.bytes() * layout.num_layers * layout.num_kv_heads;
}

PagedKv::PagedKv(const KvLayout& layout, bool rounded, int num_pages)
    : KvCache(layout, kKeyBlock, num_pages),
      block_{layout.head_dim, rounded},
      page_bytes_(page_bytes(layout, rounded)) {
  if (layout.head_dim > kMaxHeadDim) {
    fail("attention heads of size {}: the CPU kernels take at most {}", layout.head_dim,
         kMaxHeadDim);
  }
  data_ = map_zeros(num_pages * page_bytes_, "a key-value cache");
}

}  // namespace saccade::compute::cpu
