// Which machines pictures may be fetched from.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

namespace saccade::server {

/// Whether an address is one of the public internet, so neither this machine's nor one of a private
/// or link-local network, nor multicast, nor reserved (IANA's special-purpose registries). IPv6
/// addresses that stand for IPv4 ones are not.
bool is_public_address(const sockaddr& address);

/// What --allow-remote-images says.
class RemoteHosts {
 public:
  /// Each of `hosts` is a name, "*.example.org" for the names below one, "*" for all, or an
  /// address; behind it may stand a port, in place of those of http and https. Throws Error
  /// (usage).
  explicit RemoteHosts(const std::vector<std::string>& hosts);

  enum class Permission {
    kNone,
    kPublic,   ///< if it turns out to have a public address
    kAddress,  ///< in any case: it was allowed as the address that it is
  };
  /// What there is for a URL with this host and port, as libcurl reads them; IPv6 addresses are in
  /// brackets. `scheme` is "http" or "https".
  Permission find(std::string_view scheme, const std::string& host, int port) const;

 private:
  struct Rule {
    std::string host;      // lower case; of an address as inet_ntop writes it; "" for all
    bool below = false;    // names that end with "." and host
    bool address = false;  // host is one
    int port = 0;          // 0: those of the schemes
  };
  static Rule parse(const std::string& text);

  std::vector<Rule> rules_;
};

}  // namespace saccade::server
