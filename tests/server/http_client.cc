#include "server/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

#include "patience.h"

namespace saccade::server {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// The content of chunks at the front of `text`, and how much of it they take; none: not all there.
std::optional<std::pair<std::string, std::size_t>> take_chunks(std::string_view text) {
  std::string content;
  std::size_t at = 0;
  for (;;) {
    const std::size_t line = text.find("\r\n", at);
    if (line == std::string_view::npos) return std::nullopt;
    const std::size_t size = std::stoul(std::string(text.substr(at, line - at)), nullptr, 16);
    if (text.size() < line + 2 + size + 2) return std::nullopt;
    content += text.substr(line + 2, size);
    at = line + 2 + size + 2;
    if (size == 0) return std::pair(content, at);
  }
}

}  // namespace

TestClient::TestClient(std::uint16_t port, int receive_buffer) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0) {
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
}

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return;  // the server has closed; what it said can still be read
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
}

void TestClient::request(const std::string& method, const std::string& path,
                         const std::string& body, const std::vector<std::string>& headers) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const std::string& header : headers) text += header + "\r\n";
  const bool typed = std::ranges::any_of(
      headers, [](const std::string& header) { return header.starts_with("Content-Type:"); });
  if (!body.empty() && !typed) text += "Content-Type: application/json\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + body);
}

bool TestClient::fill(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd wanted{socket_, POLLIN, 0};
  if (left.count() <= 0 || poll(&wanted, 1, static_cast<int>(left.count())) <= 0) return false;
  std::array<char, 65536> buffer;
  const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

std::optional<TestResponse> TestClient::read(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(deadline)) return std::nullopt;
  }
  TestResponse response;
  std::istringstream head(received_.substr(0, end));
  std::string version;
  head >> version >> response.status;
  std::string line;
  std::getline(head, line);
  while (std::getline(head, line)) {
    const std::size_t colon = line.find(':');
    std::string value = line.substr(colon + 2);
    if (value.ends_with('\r')) value.pop_back();
    response.headers[lower(line.substr(0, colon))] = value;
  }
  received_.erase(0, end + 4);
  if (response.status == 100) return read(limit);
  if (response.headers["transfer-encoding"] == "chunked") {
    std::optional<std::pair<std::string, std::size_t>> chunks;
    while (!(chunks = take_chunks(received_))) {
      if (!fill(deadline)) return std::nullopt;
    }
    response.body = chunks->first;
    received_.erase(0, chunks->second);
    return response;
  }
  const std::string& length = response.headers["content-length"];
  const std::size_t size = length.empty() ? 0 : std::stoul(length);
  while (received_.size() < size) {
    if (!fill(deadline)) return std::nullopt;
  }
  response.body = received_.substr(0, size);
  received_.erase(0, size);
  return response;
}

bool TestClient::read_until(std::string_view text) {
  const auto deadline = std::chrono::steady_clock::now() + patience(std::chrono::seconds(30));
  while (received_.find(text) == std::string::npos) {
    if (!fill(deadline)) return false;
  }
  return true;
}

bool TestClient::closed_by_server(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (fill(deadline)) {
  }
  return std::chrono::steady_clock::now() < deadline;
}

void TestClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void TestClient::reset() {
  const linger now{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

TestResponse ask(std::uint16_t port, const std::string& method, const std::string& path,
                 const std::string& body, const std::vector<std::string>& headers) {
  TestClient client(port);
  client.request(method, path, body, headers);
  auto response = client.read(patience(std::chrono::seconds(120)));
  if (!response) throw std::runtime_error(method + " " + path + ": no answer");
  return *response;
}

std::vector<std::string> event_data(const std::string& body) {
  constexpr std::string_view kData = "data: ";
  std::vector<std::string> data;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kData)) data.push_back(line.substr(kData.size()));
  }
  return data;
}

}  // namespace saccade::server
