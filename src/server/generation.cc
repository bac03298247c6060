#include "server/generation.h"

#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "server/request_log.h"

namespace saccade::server {
namespace {

using Clock = std::chrono::steady_clock;

// A queue has moved on a little after that.
constexpr int kRetryWhenFull = 1;

/// The fields of a request's line in the log: what it took, and what the caches saved.
std::string log_fields(std::span<const Result> results) {
  Usage usage;
  Timings slowest;
  for (const Result& result : results) {
    usage.prompt_tokens += result.usage.prompt_tokens;
    usage.image_tokens += result.usage.image_tokens;
    usage.completion_tokens += result.usage.completion_tokens;
    usage.cached_tokens += result.usage.cached_tokens;
    usage.cached_images += result.usage.cached_images;
    const Timings& timings = result.timings;
    const auto keep = [&](double Timings::*time) {
      slowest.*time = std::max(slowest.*time, timings.*time);
    };
    keep(&Timings::queue_ms);
    keep(&Timings::media_ms);
    keep(&Timings::vision_ms);
    keep(&Timings::prefill_ms);
    keep(&Timings::decode_ms);
    keep(&Timings::ttft_ms);
  }
  return fmt::format(
      "prompt_tokens={} image_tokens={} cached_tokens={} cached_images={} completion_tokens={} "
      "queue_ms={:.1f} media_ms={:.1f} vision_ms={:.1f} prefill_ms={:.1f} decode_ms={:.1f} "
      "ttft_ms={:.1f}",
      usage.prompt_tokens, usage.image_tokens, usage.cached_tokens, usage.cached_images,
      usage.completion_tokens, slowest.queue_ms, slowest.media_ms, slowest.vision_ms,
      slowest.prefill_ms, slowest.decode_ms, slowest.ttft_ms);
}

/// Requests to cancel, once no lock is held any more: the service may call back.
struct Ended {
  std::vector<Ticket> tickets;
  ~Ended() {
    for (Ticket& ticket : tickets) ticket.cancel();
  }
};

/// The answers to one HTTP request. Its functions are called on threads of the service.
class Answers : public std::enable_shared_from_this<Answers> {
 public:
  Answers(std::shared_ptr<LoadedModel> model, Generation generation, std::string request_id,
          std::shared_ptr<Reply> reply)
      : model_(std::move(model)),
        format_(std::move(generation.format)),
        stream_(generation.stream),
        request_id_(std::move(request_id)),
        reply_(std::move(reply)),
        results_(generation.requests.size()),
        last_piece_(generation.requests.size()),
        missing_(generation.requests.size()) {}

  /// Keeps a ticket, or cancels it when nobody wants the answer any more.
  void add(Ticket ticket) {
    {
      const std::lock_guard lock(mutex_);
      if (!over_) {
        tickets_.push_back(std::move(ticket));
        return;
      }
    }
    ticket.cancel();
  }

  /// Ends what runs: the client has left, or what it asked for cannot all be had.
  void abandon() {
    Ended ended;
    const std::lock_guard lock(mutex_);
    if (over_) return;
    reply_->note("cancelled=true");
    end(ended);
  }

  void on_prompt(int choice, const Usage& usage) {
    const std::lock_guard lock(mutex_);
    if (over_ || !stream_) return;
    send_piece(format_->stream_prompt(choice, usage));
  }

  void on_text(int choice, const std::string& piece, std::span<const GeneratedLogprob> logprobs) {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    const Clock::time_point now = Clock::now();
    std::optional<Clock::time_point>& last = last_piece_[static_cast<std::size_t>(choice)];
    if (last) model_->metrics.add_gap(std::chrono::duration<double>(now - *last).count());
    last = now;
    if (stream_) send_piece(format_->stream_piece(choice, piece, logprobs));
  }

  void on_result(int choice, Result result) {
    Ended ended;
    const std::lock_guard lock(mutex_);
    if (over_) return;
    if (result.finish_reason == FinishReason::kCancelled) {
      // Not by us: the service is being stopped.
      fail_all(ApiError(503, "the server is stopping; the answer is not complete"), ended);
      return;
    }
    model_->metrics.add_answer(result);
    if (stream_) send_piece(format_->stream_choice_end(choice, result));
    results_[static_cast<std::size_t>(choice)] = std::move(result);
    if (--missing_ == 0) finish();
  }

  void on_error(const ApiError& error) {
    Ended ended;
    const std::lock_guard lock(mutex_);
    if (!over_) fail_all(error, ended);
  }

 private:
  /// The rest is called with mutex_ held.
  void send_piece(const std::string& piece) {
    if (piece.empty()) return;
    if (std::exchange(begun_, true)) {
      reply_->write(piece);
    } else {
      reply_->begin_stream({200, piece, "text/event-stream", {{"Cache-Control", "no-cache"}}});
    }
  }

  void finish() {
    over_ = true;
    reply_->note(log_fields(results_));
    if (!stream_) {
      reply_->send({200, format_->whole(results_)});
      return;
    }
    send_piece(format_->stream_end(results_));
    reply_->end_stream();
  }

  void fail_all(const ApiError& error, Ended& ended) {
    end(ended);
    reply_->note("error=" + log_text(error.what()));
    if (!begun_) {
      reply_->send(error_response(format_->dialect(), error, request_id_));
      return;
    }
    reply_->write(format_->stream_error(error));
    reply_->end_stream();
  }

  void end(Ended& ended) {
    over_ = true;
    ended.tickets.swap(tickets_);
  }

  const std::shared_ptr<LoadedModel> model_;  // outlives the format, which reads from it
  const std::unique_ptr<AnswerFormat> format_;
  const bool stream_;
  const std::string request_id_;
  const std::shared_ptr<Reply> reply_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<Result> results_;
  std::vector<std::optional<Clock::time_point>> last_piece_;
  std::size_t missing_;
  std::vector<Ticket> tickets_;
  bool begun_ = false;  // of a stream, something has been sent
  bool over_ = false;   // nothing more will be
};

/// Passes on what becomes of one choice.
class ChoiceListener : public RequestListener {
 public:
  ChoiceListener(std::shared_ptr<Answers> answers, int choice)
      : answers_(std::move(answers)), choice_(choice) {}
  void on_prompt(const Usage& usage) override { answers_->on_prompt(choice_, usage); }
  void on_text(const std::string& piece, std::span<const GeneratedLogprob> logprobs) override {
    answers_->on_text(choice_, piece, logprobs);
  }
  void on_result(Result result) override { answers_->on_result(choice_, std::move(result)); }
  void on_error(const Error& error) override { answers_->on_error(api_error(error)); }

 private:
  const std::shared_ptr<Answers> answers_;
  const int choice_;
};

}  // namespace

void start_generation(const std::shared_ptr<LoadedModel>& model, Generation generation,
                      const std::string& request_id, const std::shared_ptr<Reply>& reply) {
  std::vector<Request> requests = std::move(generation.requests);
  generation.requests.resize(requests.size());
  const auto answers = std::make_shared<Answers>(model, std::move(generation), request_id, reply);
  reply->when_gone([weak = std::weak_ptr(answers)] {
    if (const auto still_there = weak.lock()) still_there->abandon();
  });
  int choice = 0;
  try {
    for (Request& request : requests) {
      request.name = request_id;
      answers->add(model->service.submit(std::move(request),
                                         std::make_shared<ChoiceListener>(answers, choice++)));
    }
  } catch (const QueueFull& error) {
    answers->abandon();
    ApiError full(429, error.what(), {}, "queue_full");
    full.set_retry_after(kRetryWhenFull);
    throw full;
  } catch (const Error& error) {
    answers->abandon();
    throw ApiError(503, error.what());
  }
}

std::string server_sent_event(const std::string& data, const std::string& name) {
  return name.empty() ? fmt::format("data: {}\n\n", data)
                      : fmt::format("event: {}\ndata: {}\n\n", name, data);
}

}  // namespace saccade::server
