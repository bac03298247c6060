#include "base/hub_cache.h"

#include <cstdlib>

namespace saccade {
namespace fs = std::filesystem;
namespace {

/// A leading ~ means the home directory here as it does in a shell.
fs::path expanded(const std::string& path) {
  if (path == "~" || path.starts_with("~/")) return environment_variable("HOME") + path.substr(1);
  return path;
}

}  // namespace

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path hub_home() {
  if (const std::string home = environment_variable("HF_HOME"); !home.empty()) {
    return expanded(home);
  }
  const std::string cache = environment_variable("XDG_CACHE_HOME");
  return expanded(cache.empty() ? "~/.cache" : cache) / "huggingface";
}

fs::path hub_cache() {
  const std::string cache = environment_variable("HF_HUB_CACHE");
  return cache.empty() ? hub_home() / "hub" : expanded(cache);
}

std::string hub_model_folder(std::string_view repository) {
  std::string folder = "models--";
  for (const char letter : repository) {
    if (letter == '/') {
      folder += "--";
    } else {
      folder += letter;
    }
  }
  return folder;
}

}  // namespace saccade
