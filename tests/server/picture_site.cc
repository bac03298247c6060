#include "server/picture_site.h"

#include <fmt/format.h>

#include <chrono>

#include "patience.h"

namespace saccade::server {
namespace {

constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(10));

HttpOptions any_port() {
  HttpOptions options;
  options.port = 0;
  return options;
}

}  // namespace

PictureSite::PictureSite() : server_(any_port(), *this), thread_([this] { server_.run(); }) {}

PictureSite::~PictureSite() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.reset();
  }
  server_.stop(std::chrono::milliseconds(100));
  thread_.join();
}

void PictureSite::add(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  answers_[path] = {200, std::move(bytes), "application/octet-stream"};
}

void PictureSite::redirect(const std::string& path, std::string to) {
  const std::lock_guard lock(mutex_);
  answers_[path] = {302, "", "", {{"Location", std::move(to)}}};
}

std::string PictureSite::host() const {
  return fmt::format("127.0.0.1:{}", server_.port());
}

std::string PictureSite::url_by_name(const std::string& path) const {
  return fmt::format("http://localhost:{}{}", server_.port(), path);
}

bool PictureSite::saw_client_go() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [this] { return gone_; });
}

bool PictureSite::was_asked() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [this] { return waiting_ != nullptr; });
}

void PictureSite::handle(HttpRequest request, std::shared_ptr<Reply> reply) {
  {
    const std::lock_guard lock(mutex_);
    const auto answer = answers_.find(request.path);
    if (answer != answers_.end()) return reply->send(answer->second);
  }
  if (request.path != "/slow") return reply->send({404, "nothing here", "text/plain"});
  reply->when_gone([this] {
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
    }
    changed_.notify_all();
  });
  {
    const std::lock_guard lock(mutex_);
    waiting_ = std::move(reply);
  }
  changed_.notify_all();
}

}  // namespace saccade::server
