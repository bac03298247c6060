#include "compute/cpu/paged_kv.h"

#include <sys/mman.h>

#include "base/error.h"

namespace saccade::compute::cpu {

std::int64_t PagedKv::page_bytes(const KvLayout& layout, bool rounded) {
  std::int64_t bytes = 0;
  for (const auto& [num_kv_heads, head_dim] : layout.layers) {
    bytes += KvBlockLayout{head_dim, rounded}.bytes() * num_kv_heads;
  }
  return bytes;
}

PagedKv::PagedKv(const KvLayout& layout, bool rounded, int num_pages)
    : KvCache(layout, kKeyBlock, num_pages) {
  for (const auto& [num_kv_heads, head_dim] : layout.layers) {
    if (head_dim > kMaxHeadDim) {
      fail("attention heads of size {}: the CPU kernels take at most {}", head_dim, kMaxHeadDim);
    }
    const KvBlockLayout block{head_dim, rounded};
    layers_.push_back({block, page_bytes_});
    page_bytes_ += block.bytes() * num_kv_heads;
  }
  const std::size_t bytes = static_cast<std::size_t>(num_pages) * page_bytes_;
  if (bytes == 0) return;
  // Mapped, not allocated: pages come zeroed and cost memory only once they are written.
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for a key-value cache of {} MiB", bytes >> 20);
  data_ = {static_cast<std::byte*>(memory), [bytes](std::byte* data) { ::munmap(data, bytes); }};
}

}  // namespace saccade::compute::cpu
