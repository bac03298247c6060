#include "compute/cpu/mapped_memory.h"

#include <sys/mman.h>

#include "base/error.h"

namespace saccade::compute::cpu {

std::shared_ptr<void> map_zeros(std::int64_t bytes, std::string_view what) {
  if (bytes == 0) return nullptr;
  const auto size = static_cast<std::size_t>(bytes);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for {} of {} MiB", what, size >> 20);
  return {memory, [size](void* data) { ::munmap(data, size); }};
}

}  // namespace saccade::compute::cpu
