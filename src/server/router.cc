#include "server/router.h"

#include <optional>

namespace saccade::server {
namespace {

/// What stands for the pattern's {...} in a path that fits it; empty for a pattern without.
std::optional<std::string> parameter_of(std::string_view pattern, std::string_view path) {
  const std::size_t brace = pattern.find('{');
  if (brace == std::string_view::npos) {
    return pattern == path ? std::optional<std::string>("") : std::nullopt;
  }
  if (path.size() <= brace || path.substr(0, brace) != pattern.substr(0, brace)) {
    return std::nullopt;
  }
  return std::string(path.substr(brace));
}

}  // namespace

Router::Match Router::match(const std::string& method, const std::string& path) const {
  Match match;
  for (const Route& route : routes_) {
    const std::optional<std::string> parameter = parameter_of(route.path, path);
    if (!parameter) continue;
    // What may be read may also be asked about.
    if (route.method == method || (method == "HEAD" && route.method == "GET")) {
      return {&route, *parameter, {}};
    }
    match.allowed.push_back(route.method);
  }
  return match;
}

}  // namespace saccade::server
