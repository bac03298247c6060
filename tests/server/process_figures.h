// What the kernel says of another process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace saccade::server {

/// A line "NAME:  NUMBER" of /proc/PID/status, such as "VmRSS" (KiB) or "Threads".
inline std::int64_t process_figure(pid_t process, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1));
  }
  throw std::runtime_error("no " + name + " of process " + std::to_string(process));
}

/// Files, sockets and whatever else it has open.
inline std::int64_t open_files(pid_t process) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(process) + "/fd");
  return std::distance(begin(files), end(files));
}

}  // namespace saccade::server
