#include "server/access.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/json.h"

namespace saccade::server {
namespace {

/// What came as a key: `Authorization: Bearer KEY` or `x-api-key: KEY`.
std::string_view given_key(const HttpRequest& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view field = request.authorization;
  const bool bearer = field.size() > kBearer.size() &&
                      std::equal(kBearer.begin(), kBearer.end(), field.begin(), [](char a, char b) {
                        return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
                      });
  return bearer ? field.substr(kBearer.size()) : std::string_view(request.api_key);
}

bool is_one_of(std::string_view key, const std::vector<std::string>& keys) {
  bool found = false;
  // All of them, so that the time does not tell which one it was.
  for (const std::string& expected : keys) found |= equal_in_constant_time(key, expected);
  return found;
}

/// The host of a Host field, without the port.
std::string_view host_name(std::string_view field) {
  if (field.starts_with('[')) return field.substr(0, field.find(']') + 1);
  return field.substr(0, field.find(':'));
}

bool allows_origin(const ServeOptions& options, const std::string& origin) {
  const auto& origins = options.cors_origins;
  return std::ranges::find(origins, origin) != origins.end() ||
         std::ranges::find(origins, "*") != origins.end();
}

ApiError key_error(const HttpRequest& request) {
  return ApiError(401,
                  given_key(request).empty()
                      ? "an API key is needed: send Authorization: Bearer KEY, or x-api-key: KEY"
                      : "the API key is not one of this server's",
                  {}, "invalid_api_key");
}

/// A page on the web can make a browser send requests to this machine under a name of its own (DNS
/// rebinding). Where no key protects the server, such names are refused.
std::optional<ApiError> host_error(const HttpRequest& request, const ServeOptions& options) {
  const std::string_view name = host_name(request.host);
  if (name.empty() || is_loopback_host(name) || name == options.http.host) return std::nullopt;
  return ApiError(403, fmt::format("the host {} is not this machine's own name; a server that is "
                                   "reached under other names needs --api-key",
                                   name));
}

}  // namespace

bool equal_in_constant_time(std::string_view given, std::string_view expected) {
  unsigned different = given.size() == expected.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char other = expected.empty() ? '\0' : expected[i % expected.size()];
    different |= static_cast<unsigned char>(given[i] ^ other);
  }
  return different == 0;
}

std::vector<std::string> read_keys(const std::string& path) {
  std::istringstream lines(read_text_file(path));
  std::vector<std::string> keys;
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && !line.starts_with('#')) keys.push_back(line);
  }
  if (keys.empty()) fail("{}: wanted keys, one a line, found none", path);
  return keys;
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "::1" || host == "[::1]" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

std::optional<ApiError> access_error(const HttpRequest& request, Access access,
                                     const ServeOptions& options) {
  if (access == Access::kOpen) return std::nullopt;
  if (access == Access::kAdmin) {
    if (!options.admin_keys.empty()) {
      if (is_one_of(given_key(request), options.admin_keys)) return std::nullopt;
      return key_error(request);
    }
    if (!request.from_loopback) {
      return ApiError(403,
                      "admin routes are for this machine alone: the server has no --admin-key");
    }
    return host_error(request, options);
  }
  if (options.api_keys.empty()) return host_error(request, options);
  if (is_one_of(given_key(request), options.api_keys)) return std::nullopt;
  return key_error(request);
}

Headers cors_headers(const HttpRequest& request, const ServeOptions& options) {
  if (request.origin.empty() || !allows_origin(options, request.origin)) return {};
  Headers headers = {{"Access-Control-Allow-Origin", request.origin}, {"Vary", "Origin"}};
  if (!request.requested_method.empty()) {
    headers.insert(headers.end(), {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                                   {"Access-Control-Allow-Headers", "*, Authorization"},
                                   {"Access-Control-Max-Age", "600"}});
  }
  return headers;
}

}  // namespace saccade::server
