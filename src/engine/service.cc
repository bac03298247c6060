#include "saccade/service.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "engine/engine_impl.h"
#include "engine/job.h"
#include "engine/service_counts.h"
#include "engine/token_rate.h"

namespace saccade {

using engine::Clock;
using engine::Job;
using engine::Jobs;

namespace {

constexpr int kMaxPreparationThreads = 4;
// Prepared requests that wait for the model, for each that is being prepared: their pixels take
// memory, tens of megabytes a picture.
constexpr int kPreparedPerThread = 4;

/// Waits for one answer.
class Waiter : public RequestListener {
 public:
  void on_result(Result result) override { promise.set_value(std::move(result)); }
  void on_error(const Error& error) override {
    promise.set_exception(std::make_exception_ptr(error));
  }
  std::promise<Result> promise;
};

}  // namespace

class Service::Impl {
 public:
  Impl(std::unique_ptr<engine::LoadedModel> model, const ServiceOptions& options)
      : model_(std::move(model)), options_(options) {
    check_options();
    if (options_.max_running == 0) options_.max_running = engine::Scheduler::kMaxSequences;
    if (options_.preparation_threads == 0) {
      options_.preparation_threads = std::min(kMaxPreparationThreads, available_cores());
    }
    model_->load_tower(nullptr);
    model_->runner().set_max_slowdown(options_.max_slowdown);
    note_status();
    for (int i = 0; i < options_.preparation_threads; ++i) {
      preparers_.emplace_back([this] { prepare_jobs(); });
    }
    runner_ = std::jthread([this] { run_jobs(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    preparers_.clear();  // joins
    runner_.join();
    for (Jobs* jobs : {&incoming_, &prepared_}) {
      for (const auto& job : *jobs) end_cancelled(*job);
    }
  }

  const ModelInfo& info() const { return model_->info(); }
  std::int64_t embedding_size() const { return model_->model().hidden_size(); }
  TokenMath count_tokens(const Request& request) const { return model_->count_tokens(request); }

  std::shared_ptr<std::atomic<bool>> submit(Request request,
                                            std::shared_ptr<RequestListener> listener) {
    auto job = std::make_unique<Job>(std::move(request), std::move(listener), options_.trace);
    std::shared_ptr<std::atomic<bool>> cancelled = job->cancelled;
    {
      const std::lock_guard lock(mutex_);
      if (draining_ || stopping_) fail("the service is shutting down and takes no more requests");
      if (waiting_ + status_.waiting >= options_.max_waiting) {
        throw QueueFull(fmt::format("{} requests are waiting already; try again later",
                                    waiting_ + status_.waiting));
      }
      ++waiting_;
      insert(incoming_, std::move(job));
    }
    changed_.notify_all();
    return cancelled;
  }

  ServiceStatus status() const {
    const std::lock_guard lock(mutex_);
    ServiceStatus status = status_;
    status.tokens_per_second = rate_.per_second(Clock::now());
    counts_.show(status);
    status.waiting += waiting_;
    status.draining = draining_;
    return status;
  }

  void clear_caches() {
    std::packaged_task<void()> task([this] {
      model_->clear_caches();
      note_status();
    });
    std::future<void> done = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
    done.get();
  }

  void drain(std::optional<std::int64_t> limit_ms) {
    std::unique_lock lock(mutex_);
    draining_ = true;
    const auto empty = [&] { return waiting_ == 0 && running_.empty(); };
    if (limit_ms) {
      ended_.wait_for(lock, std::chrono::milliseconds(*limit_ms), empty);
      cancelling_ = true;
      changed_.notify_all();
    }
    ended_.wait(lock, empty);
  }

 private:
  void check_options() const {
    const auto check = [](bool good, std::string_view name, double found, std::string_view wanted) {
      if (!good) fail_usage("{}: wanted {}, found {}", name, wanted, found);
    };
    check(options_.max_waiting >= 1, "max-waiting", options_.max_waiting, "a count from 1 up");
    check(options_.max_running >= 0, "max-running", options_.max_running, "a count from 0 up");
    check(options_.preparation_threads >= 0 && options_.preparation_threads <= 1024,
          "preparation-threads", options_.preparation_threads, "a count from 0 to 1024");
    check(options_.max_slowdown > 0, "max-slowdown", options_.max_slowdown, "a positive number");
  }

  // Preparing, on several threads.

  void prepare_jobs() {
    const int most = options_.preparation_threads * kPreparedPerThread;
    for (;;) {
      std::unique_ptr<Job> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] {
          return stopping_ || (!incoming_.empty() && std::ssize(prepared_) < most);
        });
        if (stopping_) return;
        job = std::move(incoming_.front());
        incoming_.pop_front();
      }
      if (prepare(*job)) {
        const std::lock_guard lock(mutex_);
        insert(prepared_, std::move(job));
      } else {
        const std::lock_guard lock(mutex_);
        --waiting_;
        ended_.notify_all();
      }
      changed_.notify_all();
    }
  }

  /// False when the request has ended here.
  bool prepare(Job& job) {
    job.trace.next("waiting");
    if (*job.cancelled) {
      end_cancelled(job);
      return false;
    }
    try {
      job.input = model_->prepare(job.request, nullptr);
    } catch (const Error& error) {
      end_failed(job, error);
      return false;
    } catch (const std::exception& error) {
      end_failed(job, Error(error.what()));
      return false;
    }
    job.tell_prompt();
    return true;
  }

  // Running, on one.

  void run_jobs() {
    engine::Runner& runner = model_->runner();
    while (take_jobs()) {
      for (const auto& job : running_) {
        if (*job->cancelled) job->sequence->cancel();
      }
      if (!runner.idle()) runner.step();
      end_jobs();
    }
    runner.cancel_all();
    for (const auto& job : running_) job->sequence->cancel();
    end_jobs();
  }

  /// Waits for something to do and takes what has come; false: the service ends.
  bool take_jobs() {
    std::vector<std::packaged_task<void()>> tasks;
    Jobs taken;
    Jobs dropped;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return stopping_ || !running_.empty() || !prepared_.empty() || !tasks_.empty() ||
               (cancelling_ && waiting_ > 0);
      });
      if (stopping_) return false;
      std::swap(tasks, tasks_);
      // Who no longer waits must not keep others from waiting.
      drop_cancelled(incoming_, dropped);
      drop_cancelled(prepared_, dropped);
      while (!prepared_.empty() &&
             std::ssize(running_) + std::ssize(taken) < options_.max_running) {
        taken.push_back(std::move(prepared_.front()));
        prepared_.pop_front();
      }
      if (cancelling_) {
        for (const auto& job : incoming_) *job->cancelled = true;
        for (const auto& job : prepared_) *job->cancelled = true;
        for (const auto& job : taken) *job->cancelled = true;
        for (const auto& job : running_) *job->cancelled = true;
      }
      waiting_ -= static_cast<int>(taken.size());
      for (auto& job : taken) running_.push_back(std::move(job));
    }
    changed_.notify_all();
    end_dropped(dropped);
    for (auto& task : tasks) task();
    for (const auto& job : running_) {
      if (!job->sequence) start(*job);
    }
    return true;
  }

  void end_dropped(const Jobs& dropped) {
    if (dropped.empty()) return;
    for (const auto& job : dropped) end_cancelled(*job);
    {
      const std::lock_guard lock(mutex_);
      waiting_ -= static_cast<int>(dropped.size());
    }
    ended_.notify_all();
  }

  void start(Job& job) {
    job.sequence = model_->make_sequence(std::move(job.input));
    job.sequence->on_text = [&job](const std::string& piece) { job.send(piece); };
    job.trace.follow(*job.sequence);
    model_->runner().add(job.sequence.get());
  }

  void end_jobs() {
    Jobs ended;
    {
      const std::lock_guard lock(mutex_);
      count_tokens_of_step();
      for (auto& job : running_) {
        if (job->sequence->finished()) ended.push_back(std::move(job));
      }
      std::erase(running_, nullptr);
    }
    // Whoever hears of an end finds it in the status.
    std::vector<std::optional<Result>> results;
    for (const auto& job : ended) {
      results.push_back(job->sequence->failed() ? std::nullopt : std::optional(result_of(*job)));
    }
    note_status();
    for (std::size_t i = 0; i < ended.size(); ++i) {
      if (!results[i]) {
        end_failed(*ended[i], Error(ended[i]->sequence->error()));
        continue;
      }
      ended[i]->tell(
          [&](RequestListener& listener) { listener.on_result(std::move(*results[i])); });
    }
    if (!ended.empty()) ended_.notify_all();
  }

  /// Called with mutex_ held.
  void count_tokens_of_step() {
    std::int64_t fresh = 0;
    for (const auto& job : running_) {
      const std::int64_t tokens = job->sequence->known() - job->sequence->prompt_tokens();
      fresh += tokens - std::exchange(job->tokens_counted, tokens);
    }
    rate_.add(fresh, Clock::now());
  }

  Result result_of(Job& job) {
    const auto images = static_cast<std::int64_t>(job.sequence->pictures().size());
    Result result = job.take_result(model_->load_ms());
    counts_.add(result, images);
    return result;
  }

  void end_cancelled(Job& job) {
    counts_.add_cancelled();
    job.end_cancelled();
  }

  void end_failed(Job& job, const Error& error) {
    counts_.add_failed();
    job.end_failed(error);
  }

  /// What others may see of this thread's things.
  void note_status() {
    ServiceStatus status;
    for (const auto& job : running_) {
      if (job->sequence) ++(job->sequence->admitted ? status.running : status.waiting);
    }
    counts_.show(status, *model_);
    const std::lock_guard lock(mutex_);
    status_ = status;
  }

  std::unique_ptr<engine::LoadedModel> model_;
  ServiceOptions options_;
  engine::ServiceCounts counts_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // something to do
  std::condition_variable ended_;    // a request has ended
  Jobs incoming_;
  Jobs prepared_;
  int waiting_ = 0;  // in these, and being prepared
  Jobs running_;     // changed by the running thread alone, and under the mutex
  std::vector<std::packaged_task<void()>> tasks_;
  ServiceStatus status_;
  mutable engine::TokenRate rate_;
  bool draining_ = false, cancelling_ = false, stopping_ = false;
  std::vector<std::jthread> preparers_;
  std::jthread runner_;
};

Service::Service(Engine engine, const ServiceOptions& options)
    : impl_(std::make_unique<Impl>(engine.impl_->take_model(), options)) {}

Service::~Service() = default;

const ModelInfo& Service::info() const {
  return impl_->info();
}

std::int64_t Service::embedding_size() const {
  return impl_->embedding_size();
}

Ticket Service::submit(Request request, std::shared_ptr<RequestListener> listener) {
  return Ticket(impl_->submit(std::move(request), std::move(listener)));
}

Result Service::generate(Request request) {
  const auto waiter = std::make_shared<Waiter>();
  std::future<Result> result = waiter->promise.get_future();
  submit(std::move(request), waiter);
  return result.get();
}

TokenMath Service::count_tokens(const Request& request) const {
  return impl_->count_tokens(request);
}

ServiceStatus Service::status() const {
  return impl_->status();
}

void Service::clear_caches() {
  impl_->clear_caches();
}

void Service::drain(std::optional<std::int64_t> limit_ms) {
  impl_->drain(limit_ms);
}

}  // namespace saccade
