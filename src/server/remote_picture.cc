#include "server/remote_picture.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "server/api_error.h"

namespace saccade::server {
namespace {

using Clock = std::chrono::steady_clock;
using Permission = RemoteHosts::Permission;

constexpr int kMaxRedirects = 3;
// Of a URL in an error.
constexpr std::size_t kShownChars = 200;

struct Free {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

/// A URL taken apart by the library that will follow it, so that the host that is checked is the
/// one that is asked.
class RemoteUrl {
 public:
  explicit RemoteUrl(const std::string& text) : url_(curl_url()) {
    constexpr unsigned kFlags = CURLU_DISALLOW_USER;
    if (!url_) throw std::bad_alloc();
    valid_ = curl_url_set(url_.get(), CURLUPART_URL, text.c_str(), kFlags) == CURLUE_OK;
    if (!valid_) return;
    scheme_ = part(CURLUPART_SCHEME);
    host_ = part(CURLUPART_HOST);
    const std::string port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
    std::from_chars(port.data(), port.data() + port.size(), port_);
  }

  /// It is one of http or https that names no user.
  bool valid() const { return valid_ && (scheme_ == "http" || scheme_ == "https"); }
  bool encrypted() const { return scheme_ == "https"; }
  Permission permission(const RemoteHosts& hosts) const {
    return hosts.find(scheme_, host_, port_);
  }
  CURLU* handle() const { return url_.get(); }
  /// As errors show it: queries may hold keys.
  std::string shown() const {
    const std::string port = part(CURLUPART_PORT);
    std::string text = scheme_ + "://" + host_ + (port.empty() ? "" : ":" + port);
    text += part(CURLUPART_PATH);
    if (text.size() > kShownChars) text = text.substr(0, kShownChars) + "...";
    return text;
  }

 private:
  std::string part(CURLUPart which, unsigned flags = 0) const {
    char* text = nullptr;
    if (curl_url_get(url_.get(), which, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, Free> owned(text);
    return text;
  }

  std::unique_ptr<CURLU, Free> url_;
  bool valid_ = false;
  std::string scheme_, host_;
  int port_ = 0;
};

/// One answer of another server.
class Transfer {
 public:
  Transfer(const RemoteUrl& url, Permission permission, Clock::time_point deadline,
           const FetchLimits& limits)
      : permission_(permission), limits_(limits), handle_(curl_easy_init()) {
    if (!handle_) throw std::bad_alloc();
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    set(CURLOPT_CURLU, url.handle());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);  // redirects are looked at first
    set(CURLOPT_PROXY, "");           // whatever the environment says
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(left.count())));
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_USERAGENT, "saccade");
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::take);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::look_up);
    set(CURLOPT_XFERINFODATA, this);
  }

  CURLcode run() { return curl_easy_perform(handle_.get()); }

  long status() const {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
  /// Where it says to go instead; empty: nowhere.
  std::string redirect() const {
    const char* url = nullptr;
    curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &url);
    return url ? url : "";
  }
  bool refused_address() const { return refused_address_; }
  bool too_large() const { return too_large_; }
  std::vector<std::byte> take_bytes() { return std::move(bytes_); }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(handle_.get(), option, value) != CURLE_OK) {
      throw ApiError(500, "libcurl does not know what is asked of it; a newer one is needed");
    }
  }

  /// The address is the one that will be connected to, whatever a name stood for before.
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    const bool allowed =
        transfer.permission_ == Permission::kAddress || is_public_address(address->addr);
    if (!allowed || purpose != CURLSOCKTYPE_IPCXN) {
      transfer.refused_address_ = true;
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  static std::size_t take(const char* data, std::size_t one, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t count = one * size;
    if (transfer.limits_.room_bytes.fetch_sub(static_cast<std::int64_t>(count)) <
        static_cast<std::int64_t>(count)) {
      transfer.too_large_ = true;
      return 0;
    }
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    transfer.bytes_.insert(transfer.bytes_.end(), bytes, bytes + count);
    return count;
  }

  static int look_up(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(self)->limits_.cancelled ? 1 : 0;
  }

  const Permission permission_;
  const FetchLimits& limits_;
  bool refused_address_ = false;
  bool too_large_ = false;
  std::vector<std::byte> bytes_;
  std::unique_ptr<CURL, Free> handle_;
};

template <typename... Args>
[[noreturn]] void refuse(int status, const RemotePicture& picture,
                         fmt::format_string<Args...> format, Args&&... args) {
  const RemoteUrl url(picture.url);
  throw ApiError(status,
                 fmt::format("{}: {} {}", picture.where, url.shown(),
                             fmt::format(format, std::forward<Args>(args)...)),
                 picture.where, "image_not_fetched");
}

Permission checked_permission(const RemotePicture& picture, const RemoteUrl& url,
                              const RemoteHosts& hosts) {
  if (!url.valid()) {
    refuse_field(picture.where, "{}: wanted http://HOST/PATH or https://HOST/PATH, without a user",
                 picture.where);
  }
  const Permission permission = url.permission(hosts);
  if (permission == Permission::kNone) {
    refuse(403, picture,
           "is of a host that this server does not fetch from; saccade serve "
           "--allow-remote-images HOST allows one");
  }
  return permission;
}

/// Throws for what went wrong, without a word about addresses and what answers there.
void check_transfer(const RemotePicture& picture, const Transfer& transfer, CURLcode code,
                    const FetchLimits& limits) {
  if (transfer.too_large()) refuse(413, picture, "is larger than this server takes");
  if (code == CURLE_OPERATION_TIMEDOUT) {
    refuse(422, picture, "did not come within {} seconds",
           std::chrono::duration<double>(limits.time).count());
  }
  if (code != CURLE_OK && transfer.refused_address()) {
    refuse(403, picture, "is at no address of the public internet, and no other is allowed");
  }
  if (code != CURLE_OK) refuse(422, picture, "cannot be fetched: {}", curl_easy_strerror(code));
}

/// The bytes that came. Throws where they are no answer.
std::vector<std::byte> answer_of(const RemotePicture& picture, Transfer& transfer) {
  if (transfer.status() != 200) {
    refuse(422, picture, "was answered with status {}", transfer.status());
  }
  std::vector<std::byte> bytes = transfer.take_bytes();
  if (bytes.empty()) refuse(422, picture, "is empty");
  return bytes;
}

}  // namespace

void check_remote_url(const RemotePicture& picture, const RemoteHosts& hosts) {
  checked_permission(picture, RemoteUrl(picture.url), hosts);
}

std::vector<std::byte> fetch_picture(const RemotePicture& picture, const RemoteHosts& hosts,
                                     const FetchLimits& limits) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (once != CURLE_OK) throw ApiError(500, "libcurl cannot be initialized");
  const Clock::time_point deadline = Clock::now() + limits.time;
  auto url = std::make_unique<RemoteUrl>(picture.url);
  Permission permission = checked_permission(picture, *url, hosts);
  for (int redirects = 0;; ++redirects) {
    std::string next;
    {
      Transfer transfer(*url, permission, deadline, limits);
      check_transfer(picture, transfer, transfer.run(), limits);
      next = transfer.redirect();
      if (next.empty()) return answer_of(picture, transfer);
    }
    if (redirects == kMaxRedirects) {
      refuse(422, picture, "was redirected more than {} times", kMaxRedirects);
    }
    const bool encrypted = url->encrypted();
    url = std::make_unique<RemoteUrl>(next);
    permission = url->valid() ? url->permission(hosts) : Permission::kNone;
    if (permission == Permission::kNone || (encrypted && !url->encrypted())) {
      refuse(403, picture, "was redirected to where this server does not fetch from");
    }
  }
}

}  // namespace saccade::server
