#include "fake_hub.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "hub/checksum.h"
#include "temporary_directory.h"

namespace saccade::hub {
namespace {

int listen_on_loopback() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0) {
    std::abort();
  }
  return listener;
}

int port_of(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool send_all(int connection, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = send(connection, data.data(), data.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string read_head(int connection) {
  std::string head;
  char chunk[4096];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = recv(connection, chunk, sizeof chunk, 0);
    if (count <= 0) return "";
    head.append(chunk, static_cast<std::size_t>(count));
  }
  return head;
}

std::string header(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string digest_of(const std::string& content, bool large) {
  const TemporaryDirectory directory;
  const auto path = directory.write("content", content);
  return file_checksum(path, std::string(large ? 64 : 40, '0'), false);
}

}  // namespace

FakeHub::FakeHub() : hub_(listen_on_loopback()), storage_(listen_on_loopback()) {
  acceptors_.emplace_back([this] { accept_on(hub_, false); });
  acceptors_.emplace_back([this] { accept_on(storage_, true); });
}

FakeHub::~FakeHub() {
  stopping_ = true;
  for (std::thread& thread : acceptors_) thread.join();
  for (std::thread& thread : connections_) thread.join();
  close(hub_);
  close(storage_);
}

std::string FakeHub::endpoint() const {
  return fmt::format("http://127.0.0.1:{}", port_of(hub_));
}

std::string FakeHub::add(const std::string& name, const std::string& content, bool large) {
  const std::string blob = digest_of(content, large);
  const std::lock_guard lock(mutex_);
  files_[name] = {content, blob, large};
  return blob;
}

void FakeHub::set_listing(const std::string& json) {
  const std::lock_guard lock(mutex_);
  listing_ = json;
}

void FakeHub::set_fault(std::function<Fault(const SeenRequest&)> fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

std::vector<SeenRequest> FakeHub::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::int64_t FakeHub::served_bytes() const {
  const std::lock_guard lock(mutex_);
  std::int64_t bytes = 0;
  for (const SeenRequest& request : seen_) {
    const bool file = request.path.starts_with("/small/") || request.storage;
    if (file) bytes += request.served_bytes;
  }
  return bytes;
}

void FakeHub::forget() {
  const std::lock_guard lock(mutex_);
  seen_.clear();
  ++forgotten_;
}

void FakeHub::accept_on(int listener, bool storage) {
  while (!stopping_) {
    pollfd descriptor{listener, POLLIN, 0};
    if (poll(&descriptor, 1, 20) != 1) continue;
    const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    const timeval patience{5, 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const std::lock_guard lock(mutex_);
    connections_.emplace_back([this, connection, storage] { serve(connection, storage); });
  }
}

void FakeHub::serve(int connection, bool storage) {
  const std::string head = read_head(connection);
  if (!head.empty()) {
    SeenRequest request;
    request.storage = storage;
    request.method = head.substr(0, head.find(' '));
    const std::size_t begin = request.method.size() + 1;
    request.path = head.substr(begin, head.find(' ', begin) - begin);
    request.authorization = header(head, "Authorization");
    request.range = header(head, "Range");
    std::size_t index = 0;
    int era = 0;
    Fault fault;
    Reply reply;
    {
      const std::lock_guard lock(mutex_);
      index = seen_.size();
      era = forgotten_;
      seen_.push_back(request);
      if (fault_) fault = fault_(request);
      reply = reply_to(request, fault);
    }
    const std::string length = fmt::format(
        "Content-Length: {}\r\n", reply.body.size() + static_cast<std::size_t>(fault.longer_by));
    send_all(connection, fmt::format("HTTP/1.1 {}\r\n{}{}{}Connection: close\r\n\r\n",
                                     reply.status_line, length, reply.headers, fault.headers));
    if (request.method != "HEAD") {
      const std::int64_t sent = send_body(connection, reply.body, fault);
      const std::lock_guard lock(mutex_);
      if (era == forgotten_) seen_[index].served_bytes = sent;
    }
    shutdown(connection, SHUT_WR);
    // Reading to the other side's end, so that closing does not throw away what is on its way.
    char rest[256];
    while (fault.cut_after < 0 && recv(connection, rest, sizeof rest, 0) > 0) {
    }
  }
  close(connection);
}

std::int64_t FakeHub::send_body(int connection, const std::string& body, const Fault& fault) const {
  std::string_view rest = body;
  if (fault.cut_after >= 0) rest = rest.substr(0, static_cast<std::size_t>(fault.cut_after));
  const auto size = static_cast<std::int64_t>(rest.size());
  while (!rest.empty() && !stopping_) {
    std::this_thread::sleep_for(fault.pause);
    if (!send_all(connection, rest.substr(0, 16384))) break;
    rest.remove_prefix(std::min<std::size_t>(rest.size(), 16384));
  }
  return size - static_cast<std::int64_t>(rest.size());
}

FakeHub::Reply FakeHub::reply_to(const SeenRequest& request, const Fault& fault) {
  if (fault.status != 0) return {std::to_string(fault.status) + " No", "", "an error page"};
  const std::string& path = request.path;
  if (path.starts_with("/api/models/org/name/revision/")) {
    return {"200 OK", "Content-Type: application/json\r\n",
            listing_.empty() ? listing() : listing_};
  }
  const std::string resolve_prefix = fmt::format("/org/name/resolve/{}/", kCommit);
  if (path.starts_with(resolve_prefix)) return resolve(path.substr(resolve_prefix.size()));
  for (const auto& [name, file] : files_) {
    const bool here = path == (request.storage ? "/storage/" + file.blob : "/small/" + name);
    if (here && file.large == request.storage) return file_reply(file, request, fault);
  }
  return {"404 Not Found", "X-Error-Code: RepoNotFound\r\n", "not here"};
}

FakeHub::Reply FakeHub::resolve(const std::string& name) const {
  const auto found = files_.find(name);
  if (found == files_.end()) return {"404 Not Found", "X-Error-Code: EntryNotFound\r\n", ""};
  const File& file = found->second;
  const std::string linked =
      fmt::format("X-Linked-Etag: \"{}\"\r\nX-Linked-Size: {}\r\n", file.blob, file.content.size());
  const std::string location =
      file.large ? fmt::format("http://127.0.0.1:{}/storage/{}", port_of(storage_), file.blob)
                 : "/small/" + name;
  return {"302 Found", (file.large ? linked : "") + "Location: " + location + "\r\n", "elsewhere"};
}

FakeHub::Reply FakeHub::file_reply(const File& file, const SeenRequest& request,
                                   const Fault& fault) const {
  Reply reply{"200 OK", file.large ? "ETag: \"of-the-storage\"\r\n" : "", file.content};
  if (!file.large) reply.headers = fmt::format("ETag: W/\"{}\"\r\n", file.blob);
  long long first = 0;
  long long last = 0;
  if (std::sscanf(request.range.c_str(), "bytes=%lld-%lld", &first, &last) == 2 &&
      !fault.ignore_range) {
    reply.status_line = "206 Partial Content";
    reply.body = file.content.substr(static_cast<std::size_t>(first),
                                     static_cast<std::size_t>(last - first + 1));
    reply.headers += fmt::format("Content-Range: bytes {}-{}/{}\r\n", first + fault.wrong_range,
                                 last, file.content.size());
  }
  if (fault.wrong_bytes && !reply.body.empty()) reply.body.back() ^= 1;
  return reply;
}

std::string FakeHub::listing() const {
  std::string siblings;
  for (const auto& [name, file] : files_) {
    siblings += fmt::format("{}{{\"rfilename\": \"{}\"", siblings.empty() ? "" : ", ", name);
    if (!bare_) siblings += fmt::format(", \"size\": {}", file.content.size());
    if (!bare_ && file.large) {
      siblings += fmt::format(", \"blobId\": \"{}\", \"lfs\": {{\"sha256\": \"{}\", \"size\": {}}}",
                              std::string(40, 'a'), file.blob, file.content.size());
    } else if (!bare_) {
      siblings += fmt::format(", \"blobId\": \"{}\"", file.blob);
    }
    siblings += "}";
  }
  return fmt::format("{{\"id\": \"org/name\", \"sha\": \"{}\", \"siblings\": [{}]}}", kCommit,
                     siblings);
}

}  // namespace saccade::hub
