#include "photos/vlm/local_vlm.h"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "saccade/memory.h"

namespace saccade::photos {
namespace {

// How soon a caller who wants no more is heard; the service then takes a step at most.
constexpr std::chrono::milliseconds kLook{20};

/// Waits for one request.
class Waiting : public RequestListener {
 public:
  void on_result(Result result) override {
    {
      const std::lock_guard lock(mutex_);
      result_ = std::move(result);
    }
    ended_.notify_all();
  }
  void on_error(const Error& error) override {
    {
      const std::lock_guard lock(mutex_);
      error_ = error;
    }
    ended_.notify_all();
  }

  /// Cancels the request when `cancelled` says so. Throws Error.
  Result wait(Ticket& ticket, const std::atomic<bool>& cancelled) {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kLook, [this] { return result_ || error_; })) {
      if (cancelled) ticket.cancel();
    }
    if (error_) throw Error(*error_);
    return std::move(*result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  // Guarded by mutex_:
  std::optional<Result> result_;
  std::optional<Error> error_;
};

/// A path's last part; other names as they are.
std::string short_name(const std::string& model) {
  const std::filesystem::path path = std::filesystem::path(model).lexically_normal();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return model;
  return path.has_filename() ? path.filename() : path.parent_path().filename();
}

Request make_request(const VlmQuestion& question) {
  Request request;
  request.messages.push_back({"user", {question.prompt, question.picture}});
  request.sampling.temperature = 0.0;
  request.max_tokens = question.max_tokens;
  request.max_pixels = question.max_pixels;
  request.priority = question.priority;
  if (!question.schema.empty()) {
    request.constraint = Constraint{Constraint::Kind::kJsonSchema, {question.schema}, ""};
  }
  return request;
}

}  // namespace

LocalVlm::LocalVlm(const std::string& model, std::shared_ptr<Service> service)
    : name_(short_name(model)), service_(std::move(service)) {}

VlmAnswer LocalVlm::ask(const VlmQuestion& question, const std::atomic<bool>& cancelled) {
  if (cancelled) throw VlmUnavailable(name_ + ": cancelled");
  const auto begin = std::chrono::steady_clock::now();
  const auto waiting = std::make_shared<Waiting>();
  const auto submitted = [&] {
    try {
      return service_->submit(make_request(question), waiting);
    } catch (const QueueFull& full) {
      throw VlmUnavailable(fmt::format("{}: {}", name_, full.what()));
    }
  };
  Ticket ticket = submitted();
  Result result = waiting->wait(ticket, cancelled);
  if (result.finish_reason == FinishReason::kCancelled) {
    throw VlmUnavailable(name_ + ": cancelled");
  }
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  return {std::move(result.text), result.finish_reason == FinishReason::kStop, result.usage,
          taken.count()};
}

std::optional<std::vector<float>> LocalVlm::embed(const ImageBytes& picture,
                                                  std::optional<std::int64_t> max_pixels) {
  Request request = picture_embedding(picture);
  request.max_pixels = max_pixels;
  try {
    return service_->generate(std::move(request)).embedding;
  } catch (const QueueFull& full) {
    throw VlmUnavailable(fmt::format("{}: {}", name_, full.what()));
  }
}

std::optional<std::int64_t> LocalVlm::memory_bytes() const {
  const MemoryNeeds needs = memory_needs(service_->info());
  return needs.weights + needs.working;
}

}  // namespace saccade::photos
