#include "server/options.h"

#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "base/error.h"
#include "server/access.h"
#include "server/remote_hosts.h"

namespace saccade::server {
namespace {

void check_models(const ServeOptions& options) {
  std::map<std::string, std::string> models;
  for (const ServedModel& model : options.models) {
    const auto [other, is_new] = models.emplace(served_name(model), model.model);
    if (is_new) continue;
    fail_usage("{} and {} are both called \"{}\"; give one of them another name: {}=NAME",
               other->second, model.model, other->first, model.model);
  }
  if (options.models.size() > 1 && !options.engine.mmproj.empty()) {
    fail_usage("--mmproj: it belongs to one model; put the file beside the model's instead");
  }
}

}  // namespace

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
  check_models(options);
}

ServedModel parse_served_model(const std::string& text) {
  const std::size_t sign = text.rfind('=');
  std::error_code ignored;
  if (sign == std::string::npos || std::filesystem::exists(text, ignored)) return {text, ""};
  ServedModel model{text.substr(0, sign), text.substr(sign + 1)};
  if (model.name.find('/') != std::string::npos) return {text, ""};
  if (model.model.empty() || model.name.empty()) {
    fail_usage("wanted MODEL or MODEL=NAME, found \"{}\"", text);
  }
  return model;
}

std::string served_name(const ServedModel& model) {
  if (!model.name.empty()) return model.name;
  std::filesystem::path path(model.model);
  if (!path.has_filename()) path = path.parent_path();  // "models/qwen/"
  return std::filesystem::exists(path) ? path.filename().string() : model.model;
}

std::string served_names(const ServeOptions& options) {
  std::vector<std::string> names;
  for (const ServedModel& model : options.models) names.push_back(served_name(model));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace saccade::server
