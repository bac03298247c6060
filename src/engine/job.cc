#include "engine/job.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

namespace saccade::engine {
namespace {

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

double rate(std::int64_t tokens, double ms) {
  return ms > 0 ? static_cast<double>(tokens) * 1000.0 / ms : 0.0;
}

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "";
}

}  // namespace

Job::Job(Request asked, std::shared_ptr<RequestListener> hears, TraceListener* traces)
    : request(std::make_shared<const Request>(std::move(asked))),
      listener(std::move(hears)),
      cancelled(std::make_shared<std::atomic<bool>>(false)),
      submitted(Clock::now()),
      trace(traces, submitted) {}

void Job::tell_prompt() {
  Usage usage;
  usage.prompt_tokens = std::ssize(input.prompt.token_ids);
  for (const models::MediaSpan& span : input.prompt.media) usage.image_tokens += span.count;
  trace.next("preparing",
             {{"prompt_tokens", usage.prompt_tokens}, {"image_tokens", usage.image_tokens}});
  tell([&](RequestListener& to) { to.on_prompt(usage); });
}

void Job::send(const std::string& piece) {
  const std::span all = sequence->logprobs();
  const std::span fresh = all.subspan(logprobs_sent);
  logprobs_sent = all.size();
  if (piece.empty() && fresh.empty()) return;
  tell([&](RequestListener& to) { to.on_text(piece, fresh); });
}

Result Job::take_result(double load_ms) {
  send("");
  const Clock::time_point first = sequence->first_token_time();
  const Clock::time_point admitted = sequence->admitted_time;
  Result result = sequence->take_result();
  Timings& timings = result.timings;
  timings.load_ms = load_ms;
  if (admitted != Clock::time_point()) {
    timings.queue_ms = ms_between(submitted, admitted) - timings.media_ms;
  }
  if (first != Clock::time_point()) {
    timings.ttft_ms = ms_between(submitted, first);
    timings.prefill_ms = std::max(0.0, ms_between(admitted, first) - timings.vision_ms);
    timings.decode_ms = ms_between(first, Clock::now());
    timings.prefill_tokens_per_second =
        rate(result.usage.prompt_tokens - result.usage.cached_tokens, timings.prefill_ms);
    timings.decode_tokens_per_second =
        rate(std::max<std::int64_t>(0, result.usage.completion_tokens - 1), timings.decode_ms);
  }
  trace.end(request->name, name_of(result.finish_reason), sequence.get(), &result.usage);
  return result;
}

void Job::end_cancelled() {
  trace.end(request->name, name_of(FinishReason::kCancelled), nullptr, nullptr);
  Result result;
  result.finish_reason = FinishReason::kCancelled;
  tell([&](RequestListener& to) { to.on_result(std::move(result)); });
}

void Job::end_failed(const Error& error) {
  trace.end(request->name, "failed", sequence.get(), nullptr);
  tell([&](RequestListener& to) { to.on_error(error); });
}

void insert(Jobs& jobs, std::unique_ptr<Job> job) {
  const auto before = [](const std::unique_ptr<Job>& a, const std::unique_ptr<Job>& b) {
    return a->request->priority > b->request->priority;
  };
  jobs.insert(std::upper_bound(jobs.begin(), jobs.end(), job, before), std::move(job));
}

void drop_cancelled(Jobs& jobs, Jobs& dropped) {
  for (auto& job : jobs) {
    if (*job->cancelled) dropped.push_back(std::move(job));
  }
  std::erase(jobs, nullptr);
}

}  // namespace saccade::engine
