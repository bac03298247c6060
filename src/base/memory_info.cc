#include "base/memory_info.h"

#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace saccade {
namespace {

/// One "Key:   N kB" line of /proc/meminfo in bytes, or 0 when there is none.
std::int64_t meminfo_bytes(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::int64_t kib = 0;
  std::string rest;
  while (file >> name >> kib && std::getline(file, rest)) {
    if (name == key + ":") return kib * 1024;
  }
  return 0;
}

std::int64_t number_in_file(const char* path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  return file >> number ? number : -1;
}

/// What the control group (version 2) still allows; "max" and absence mean no limit.
std::int64_t control_group_room() {
  const std::int64_t limit = number_in_file("/sys/fs/cgroup/memory.max");
  const std::int64_t used = number_in_file("/sys/fs/cgroup/memory.current");
  if (limit < 0 || used < 0) return std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(0, limit - used);
}

}  // namespace

std::int64_t total_memory_bytes() {
  return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
}

std::int64_t available_memory_bytes() {
  const std::int64_t system = meminfo_bytes("MemAvailable");
  // Without /proc (macOS) the best statement is the physical memory.
  return std::min(system > 0 ? system : total_memory_bytes(), control_group_room());
}

std::int64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return usage.ru_maxrss;
#else
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
#endif
}

void forget_peak_memory() {
  // Linux: 5 sets the largest resident set to the present one (proc(5)).
  std::ofstream("/proc/self/clear_refs") << 5;
}

void return_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace saccade
