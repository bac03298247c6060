#include "server/remote_hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace saccade::server {
namespace {

struct Block {
  std::uint32_t first;
  int bits;
};

/// IPv4 addresses that are not of the public internet (RFC 6890 and its successors in IANA's
/// registry, multicast, and 240.0.0.0/4 with the broadcast address).
constexpr std::array<Block, 15> kSpecialBlocks = {{
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // between a provider and its customers
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local, and the metadata of cloud machines
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // relays of 6to4
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // measurements
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved
}};

bool is_public_v4(std::uint32_t address) {
  return std::ranges::none_of(kSpecialBlocks, [address](const Block& block) {
    return (address ^ block.first) >> (32 - block.bits) == 0;
  });
}

/// Of IPv6 only global unicast, 2000::/3, is public, less what in it stands for IPv4 addresses
/// (Teredo, 6to4), is for protocols or documentation.
bool is_public_v6(const in6_addr& address) {
  const std::uint8_t* bytes = address.s6_addr;
  if (bytes[0] >> 5 != 1) return false;
  const int first = bytes[0] << 8 | bytes[1];
  const int second = bytes[2] << 8 | bytes[3];
  if (first == 0x2001 && (second < 0x200 || second == 0xdb8)) return false;
  return first != 0x2002 && !(first == 0x3fff && second < 0x1000);
}

/// An address as inet_ntop writes it; nothing when `text` is none.
std::optional<std::string> canonical_address(const std::string& text) {
  std::array<char, INET6_ADDRSTRLEN> name = {};
  in_addr v4 = {};
  in6_addr v6 = {};
  const bool is_v4 = inet_pton(AF_INET, text.c_str(), &v4) == 1;
  if (!is_v4 && inet_pton(AF_INET6, text.c_str(), &v6) != 1) return std::nullopt;
  const void* address = is_v4 ? static_cast<const void*>(&v4) : &v6;
  inet_ntop(is_v4 ? AF_INET : AF_INET6, address, name.data(), name.size());
  return name.data();
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// A host without brackets and the dot that may end a name.
std::string plain_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  return lower_case(host);
}

bool is_name(std::string_view text) {
  return !text.empty() && !text.starts_with('.') && text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
         });
}

}  // namespace

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    return is_public_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  return is_public_v6(v6.sin6_addr);
}

RemoteHosts::RemoteHosts(const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts) rules_.push_back(parse(host));
}

RemoteHosts::Rule RemoteHosts::parse(const std::string& text) {
  const auto refuse = [&text] {
    fail_usage(
        "--allow-remote-images: wanted a host's name, *.NAME for those below it, * for all, or an "
        "address, and perhaps :PORT behind it; found \"{}\"",
        text);
  };
  Rule rule;
  std::string host = text;
  const std::size_t colon = text.rfind(':');
  // Of an IPv6 address without brackets all colons are its own.
  const bool has_port = colon != std::string::npos &&
                        (text.find(':') == colon || (colon > 0 && text[colon - 1] == ']'));
  if (has_port) {
    host = text.substr(0, colon);
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, rule.port);
    if (error != std::errc() || stop != end || rule.port < 1 || rule.port > 65535) refuse();
  }
  if (host.ends_with('.')) refuse();
  host = plain_host(host);
  if (const auto address = canonical_address(host)) {
    rule.host = *address;
    rule.address = true;
    return rule;
  }
  rule.below = host == "*" || host.starts_with("*.");
  rule.host = rule.below ? host.substr(std::min<std::size_t>(2, host.size())) : host;
  if (host != "*" && !is_name(rule.host)) refuse();
  return rule;
}

RemoteHosts::Permission RemoteHosts::find(std::string_view scheme, const std::string& host,
                                          int port) const {
  const std::string plain = plain_host(host);
  const auto address = canonical_address(plain);
  const int own_port = scheme == "https" ? 443 : 80;
  Permission permission = Permission::kNone;
  for (const Rule& rule : rules_) {
    if (port != (rule.port == 0 ? own_port : rule.port)) continue;
    if (rule.address) {
      if (address == rule.host) return Permission::kAddress;
    } else if (rule.below) {
      const bool all = rule.host.empty();
      const bool inside = !address && plain.ends_with("." + rule.host);
      if (all || inside) permission = Permission::kPublic;
    } else if (plain == rule.host) {
      permission = Permission::kPublic;
    }
  }
  return permission;
}

}  // namespace saccade::server
