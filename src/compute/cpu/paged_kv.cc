#include "compute/cpu/paged_kv.h"

#include <sys/mman.h>

#include "base/error.h"

namespace saccade::compute::cpu {
namespace {

std::int64_t head_floats(const KvLayout& layout) {
  return static_cast<std::int64_t>(kKeyBlock) * (layout.head_dim + padded(layout.head_dim));
}

}  // namespace

std::int64_t PagedKv::page_floats(const KvLayout& layout) {
  return head_floats(layout) * layout.num_layers * layout.num_kv_heads;
}

PagedKv::PagedKv(const KvLayout& layout, int num_pages)
    : KvCache(layout, kKeyBlock, num_pages),
      head_floats_(head_floats(layout)),
      page_floats_(page_floats(layout)) {
  if (layout.head_dim > kMaxHeadDim) {
    fail("attention heads of size {}: the CPU kernels take at most {}", layout.head_dim,
         kMaxHeadDim);
  }
  const std::size_t bytes = static_cast<std::size_t>(num_pages) * page_floats_ * sizeof(float);
  if (bytes == 0) return;
  // Mapped, not allocated: pages come zeroed and cost memory only once they are written.
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for a key-value cache of {} MiB", bytes >> 20);
  data_ = {static_cast<float*>(memory), [bytes](float* data) { ::munmap(data, bytes); }};
}

}  // namespace saccade::compute::cpu
