#include "server/options.h"

#include <filesystem>

#include "base/error.h"
#include "server/access.h"
#include "server/remote_hosts.h"

namespace saccade::server {

void check_options(const ServeOptions& options) {
  if (!is_loopback_host(options.http.host) && options.api_keys.empty()) {
    fail_usage(
        "--host {}: others than this machine could ask without a key; give --api-key-file FILE, or "
        "leave --host at 127.0.0.1",
        options.http.host);
  }
  if (!options.media_root.empty() && !std::filesystem::is_directory(options.media_root)) {
    fail_usage("--media-root: wanted a directory, found \"{}\"", options.media_root);
  }
  const RemoteHosts hosts(options.remote_hosts);
  if (options.sealed && !options.remote_hosts.empty()) {
    fail_usage(
        "--sealed refuses outgoing connections, and --allow-remote-images needs them: leave one "
        "of them out");
  }
  for (const auto* keys : {&options.api_keys, &options.admin_keys}) {
    for (const std::string& key : *keys) {
      if (key.empty()) fail_usage("an empty text is no key");
    }
  }
}

std::string served_name(const ServeOptions& options) {
  if (!options.name.empty()) return options.name;
  std::filesystem::path path(options.model);
  if (!path.has_filename()) path = path.parent_path();  // "models/qwen/"
  return std::filesystem::exists(path) ? path.filename().string() : options.model;
}

}  // namespace saccade::server
