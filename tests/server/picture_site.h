// Another machine's server, for tests: one of this process that has pictures and other things.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "server/http_server.h"

namespace saccade::server {

class PictureSite : private HttpHandler {
 public:
  PictureSite();
  ~PictureSite();
  PictureSite(const PictureSite&) = delete;
  PictureSite& operator=(const PictureSite&) = delete;

  /// Answers /NAME with these bytes.
  void add(const std::string& path, std::string bytes);
  /// Answers /NAME with a redirect.
  void redirect(const std::string& path, std::string to);
  /// /slow is answered never, all others with 404.

  /// "127.0.0.1:PORT"
  std::string host() const;
  std::string url(const std::string& path) const { return "http://" + host() + path; }
  std::string url_by_name(const std::string& path) const;
  /// Whether somebody who asked for /slow has left, at the latest in ten seconds.
  bool saw_client_go();
  /// Waits until somebody asks for /slow.
  bool was_asked();

 private:
  std::optional<HttpResponse> refuse(HttpRequest&) override { return std::nullopt; }
  void handle(HttpRequest request, std::shared_ptr<Reply> reply) override;
  HttpResponse transport_error(const HttpRequest&, int status, const std::string&) override {
    return {status, ""};
  }
  void finished(const RequestRecord&) override {}

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::map<std::string, HttpResponse> answers_;  // by path
  std::shared_ptr<Reply> waiting_;
  bool gone_ = false;
  HttpServer server_;
  std::thread thread_;
};

}  // namespace saccade::server
