#include "photos/fault_server.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>

#include "patience.h"

namespace saccade::photos {
namespace json = boost::json;
using server::HttpResponse;
using server::Reply;
namespace {

constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(10));
constexpr std::chrono::milliseconds kDrip{10};
constexpr std::size_t kMaxUnreadBytes = std::size_t{64} << 10;

server::HttpOptions any_port() {
  server::HttpOptions options;
  options.port = 0;
  options.max_unread_bytes = kMaxUnreadBytes;
  return options;
}

}  // namespace

HttpResponse completion(const std::string& content, const std::string& finish_reason) {
  json::object choice;
  choice["index"] = 0;
  choice["message"] = {{"role", "assistant"}, {"content", content}};
  choice["finish_reason"] = finish_reason;
  json::object body;
  body["object"] = "chat.completion";
  body["choices"] = json::array{choice};
  body["usage"] = {{"prompt_tokens", 12},
                   {"completion_tokens", 3},
                   {"prompt_tokens_details", {{"cached_tokens", 5}}}};
  return {200, json::serialize(body)};
}

std::string prompt_of(const json::value& body) {
  return std::string(body.at_pointer("/messages/0/content/0/text").as_string());
}

FaultServer::FaultServer()
    : otherwise_([](const json::value&) {
        return HttpResponse{500, "nothing was told"};
      }),
      server_(any_port(), *this),
      thread_([this] { server_.run(); }),
      dripper_([this](const std::stop_token& stop) { drip(stop); }) {}

FaultServer::~FaultServer() {
  dripper_.request_stop();
  dripper_.join();
  {
    const std::lock_guard lock(mutex_);
    hanging_.clear();
    dripping_.clear();
  }
  server_.stop(std::chrono::milliseconds(100));
  thread_.join();
}

std::string FaultServer::url() const {
  return fmt::format("http://127.0.0.1:{}", server_.port());
}

void FaultServer::then(Action action) {
  const std::lock_guard lock(mutex_);
  script_.push_back(std::move(action));
}

void FaultServer::then_answer(std::string content, std::string finish_reason) {
  then([response = completion(content, finish_reason)](const auto& reply) {
    reply->send(response);
  });
}

void FaultServer::then_send(int status, std::string body, server::Headers headers) {
  then([response = HttpResponse{status, std::move(body), "application/json", std::move(headers)}](
           const auto& reply) { reply->send(response); });
}

void FaultServer::then_hang() {
  then([this](const auto& reply) {
    const std::lock_guard lock(mutex_);
    hanging_.push_back(reply);
  });
}

void FaultServer::then_cut() {
  then([](const auto& reply) {
    const std::string body = completion("{}").body;
    reply->begin_stream({200, body.substr(0, body.size() / 2)});
    // More than may wait unread: the connection is closed at once.
    reply->write(std::string(kMaxUnreadBytes + 1, ' '));
  });
}

void FaultServer::then_drip() {
  then([this](const auto& reply) {
    reply->begin_stream({200, "{"});
    const std::lock_guard lock(mutex_);
    dripping_.push_back(reply);
  });
}

void FaultServer::otherwise(std::function<HttpResponse(const json::value&)> answer) {
  const std::lock_guard lock(mutex_);
  otherwise_ = std::move(answer);
}

std::vector<json::value> FaultServer::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

std::string FaultServer::last_authorization() const {
  const std::lock_guard lock(mutex_);
  return authorization_;
}

bool FaultServer::was_asked(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return asked_.size() >= count; });
}

void FaultServer::handle(server::HttpRequest request, std::shared_ptr<Reply> reply) {
  if (request.method != "POST" || request.path != "/v1/chat/completions") {
    return reply->send({404, "there is no such path"});
  }
  const json::value body = json::parse(request.body);
  Action action;
  std::function<HttpResponse(const json::value&)> otherwise;
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(body);
    authorization_ = request.authorization;
    otherwise = otherwise_;
    if (!script_.empty()) {
      action = std::move(script_.front());
      script_.pop_front();
    }
  }
  changed_.notify_all();
  if (action) return action(reply);
  reply->send(otherwise(body));
}

void FaultServer::drip(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& reply : dripping_) reply->write(" ");
    }
    std::this_thread::sleep_for(kDrip);
  }
}

}  // namespace saccade::photos
