#include "compute/cpu/mapped_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/error.h"

namespace saccade::compute::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Null where there is no memory.
std::shared_ptr<void> map(std::size_t size, int flags) {
  void* memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return {memory, [size](void* data) { ::munmap(data, size); }};
}

}  // namespace

std::shared_ptr<void> allocate_aligned(std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  if (size < 2 * kHugePage) {
    void* memory = nullptr;
    if (::posix_memalign(&memory, kAlignment, std::max(size, kAlignment)) != 0) {
      throw std::bad_alloc();
    }
    return {memory, std::free};
  }
  // From the start of a large page on; what is before it is never touched and costs nothing.
  std::shared_ptr<void> mapped = map(size + kHugePage, 0);
  if (!mapped) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::uintptr_t>(mapped.get());
  auto* start = static_cast<std::byte*>(mapped.get()) + (kHugePage - address % kHugePage);
#if defined(__linux__)
  // Fewer page faults while loading, fewer misses while reading. Whole large pages only, so that
  // nothing is committed beyond the size.
  ::madvise(start, size / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return {std::move(mapped), start};
}

std::shared_ptr<void> map_zeros(std::int64_t bytes, std::string_view what) {
  if (bytes == 0) return nullptr;
  const auto size = static_cast<std::size_t>(bytes);
  std::shared_ptr<void> memory = map(size, MAP_NORESERVE);
  if (!memory) fail("no memory for {} of {} MiB", what, size >> 20);
  return memory;
}

}  // namespace saccade::compute::cpu
