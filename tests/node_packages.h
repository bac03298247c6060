// The npm packages that tests use (tools/fetch_clients.sh).
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace saccade {

inline std::filesystem::path node_packages() {
  return std::filesystem::path(SACCADE_SOURCE_DIR) / "build" / "clients" / "node_modules";
}

/// Why a script that uses `package` cannot be run here; empty: it can.
inline std::string missing_for_node(const std::string& package) {
  if (std::system("node --version > /dev/null 2>&1") != 0) return "node is not installed";
  if (std::filesystem::exists(node_packages() / package)) return "";
  return package + " is not there: tools/fetch_clients.sh fetches it";
}

}  // namespace saccade
