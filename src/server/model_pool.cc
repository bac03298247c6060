#include "server/model_pool.h"

#include <algorithm>
#include <exception>
#include <new>
#include <tuple>
#include <utility>

#include "base/memory_info.h"
#include "server/request_log.h"

namespace saccade::server {
namespace {

/// Thrown to end loading when the server stops.
struct LoadingStopped {};

// Loading takes seconds to minutes.
constexpr int kRetryWhileLoading = 2;
// A queue has moved on a little after that.
constexpr int kRetryWhenFull = 1;

/// What those hear who have waited long enough.
ApiError still_waiting(ModelState state, double progress) {
  return unavailable(state == ModelState::kLoading
                         ? fmt::format("the model is being loaded ({:.0f} %)", 100.0 * progress)
                         : "the model waits for the memory of others that answer",
                     kRetryWhileLoading);
}

}  // namespace

std::string_view state_name(ModelState state) {
  switch (state) {
    case ModelState::kUnloaded:
      return "unloaded";
    case ModelState::kQueued:
    case ModelState::kLoading:
      return "loading";
    case ModelState::kLoaded:
      return "loaded";
    case ModelState::kUnloading:
      return "unloading";
    case ModelState::kFailed:
      break;
  }
  return "failed";
}

ModelPool::ModelPool(const std::vector<PooledModel>& models, const PoolOptions& options,
                     PoolCalls calls)
    : options_(options), calls_(std::move(calls)) {
  for (const PooledModel& model : models) {
    Entry& entry = entries_.emplace_back();
    entry.index = entries_.size() - 1;
    entry.about = model;
    entry.wanted = model.at_start;
    if (entry.wanted) enqueue(entry);
  }
  loader_ = std::thread([this] { run_loader(); });
  desk_ = std::thread([this] { run_desk(); });
}

ModelPool::~ModelPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = ending_ = true;
  }
  changed_.notify_all();
  loader_.join();
  desk_.join();
  // Their last requests give their uses back on the way, which needs all of this.
  for (Entry& entry : entries_) entry.model.reset();
}

// Requests.

void ModelPool::ask(std::size_t model, std::shared_ptr<ModelRequest> request, bool retry) {
  Entry& entry = entries_[model];
  {
    const std::lock_guard lock(mutex_);
    if (retry && entry.state == ModelState::kFailed) entry.state = ModelState::kUnloaded;
    if (const auto error = refusal(entry)) throw *error;
    if (!grantable(entry) || !entry.waiting.empty()) {
      if (waiting_ >= options_.max_waiting) {
        ApiError full(429, fmt::format("{} requests wait for models already", waiting_), {},
                      "queue_full");
        full.set_retry_after(kRetryWhenFull);
        throw full;
      }
      entry.waiting.push_back({std::move(request), Clock::now()});
      ++waiting_;
      if (entry.state == ModelState::kUnloaded) enqueue(entry);
      changed_.notify_all();
      return;
    }
    ++entry.uses;
    entry.last_used = ++clock_;
  }
  request->granted(use(entry, &Entry::uses));
}

void ModelPool::drop(const ModelRequest* request) {
  // It goes when no lock is held any more: it may hold what takes others.
  std::shared_ptr<ModelRequest> dropped;
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    const auto found = std::ranges::find_if(
        entry.waiting, [&](const Waiting& waiting) { return waiting.request.get() == request; });
    if (found == entry.waiting.end()) continue;
    dropped = std::move(found->request);
    entry.waiting.erase(found);
    --waiting_;
    leave_queue(entry);
    changed_.notify_all();  // perhaps nothing else kept the model
    return;
  }
}

/// Why nobody gets the model, however long he waits.
std::optional<ApiError> ModelPool::refusal(const Entry& entry) const {
  if (stopping_) return ApiError(503, "the server is stopping");
  if (entry.state != ModelState::kFailed) return std::nullopt;
  return ApiError(503, fmt::format("the model could not be loaded: {}", entry.reason), "model");
}

bool ModelPool::grantable(const Entry& entry) const {
  return entry.state == ModelState::kLoaded && !entry.yields;
}

/// The model, where `counter` has been raised for it.
ModelUse ModelPool::use(Entry& entry, int Entry::*counter) {
  return {entry.model.get(), [this, &entry, counter](HostedModel*) { release(entry, counter); }};
}

void ModelPool::release(Entry& entry, int Entry::*counter) {
  const std::lock_guard lock(mutex_);
  if (counter == &Entry::uses) entry.last_used = ++clock_;
  const bool last = --(entry.*counter) == 0;
  if (last && (!queue_.empty() || entry.state == ModelState::kUnloading)) changed_.notify_all();
}

// Telling them.

void ModelPool::run_desk() {
  Lock lock(mutex_);
  for (;;) {
    if (serve_one(lock)) continue;
    if (ending_) return;
    std::optional<Clock::time_point> oldest;
    for (const Entry& entry : entries_) {
      if (entry.waiting.empty()) continue;
      oldest = std::min(oldest.value_or(Clock::time_point::max()), entry.waiting.front().since);
    }
    if (oldest) {
      changed_.wait_until(lock, *oldest + options_.wait_limit);
    } else {
      changed_.wait(lock);
    }
  }
}

/// Tells one request what became of it; false where nothing is to be told.
bool ModelPool::serve_one(Lock& lock) {
  for (Entry& entry : entries_) {
    if (entry.waiting.empty()) continue;
    std::optional<ApiError> error = refusal(entry);
    const bool overdue = Clock::now() - entry.waiting.front().since >= options_.wait_limit;
    if (!error && !grantable(entry)) {
      if (!overdue) continue;
      error = still_waiting(entry.state, entry.progress);
    }
    std::shared_ptr<ModelRequest> request = std::move(entry.waiting.front().request);
    entry.waiting.pop_front();
    --waiting_;
    if (error) {
      leave_queue(entry);
      lock.unlock();
      request->refused(*error);
    } else {
      ++entry.uses;
      entry.last_used = ++clock_;
      lock.unlock();
      request->granted(use(entry, &Entry::uses));
    }
    request.reset();
    lock.lock();
    return true;
  }
  return false;
}

// Loading and unloading.

void ModelPool::run_loader() {
  Lock lock(mutex_);
  while (!stopping_) {
    if (queue_.empty()) {
      changed_.wait(lock);
    } else {
      make_room(*queue_.front(), lock);
    }
  }
}

/// Takes one step towards having a model loaded that is the first in the queue, or waits for
/// something to change.
void ModelPool::make_room(const Entry& wanted, Lock& lock) {
  const std::vector<Entry*> leaving = leaving_for(wanted);
  if (leaving.empty()) {
    Entry& next = *queue_.front();
    queue_.pop_front();
    load(next, lock);
    return;
  }
  const auto is_busy = [](const Entry* entry) { return entry->busy(); };
  // Nothing goes before all that has to go can.
  if (std::ranges::none_of(leaving, is_busy)) {
    unload(*leaving.front(), lock);
    return;
  }
  // Others had to wait for a model as well, so that it is not to go as soon as it has come.
  Clock::time_point since = wanted.queued_since;
  for (const Entry* entry : leaving) since = std::max(since, entry->loaded_since);
  if (Clock::now() < since + options_.yield_after) {
    changed_.wait_until(lock, since + options_.yield_after);
    return;
  }
  for (Entry* entry : leaving) entry->yields = true;
  if (std::ranges::any_of(leaving, is_busy)) changed_.wait(lock);
}

/// Loaded models that have to go for another one to fit: as far as possible idle ones, the least
/// recently used first.
std::vector<ModelPool::Entry*> ModelPool::leaving_for(const Entry& wanted) {
  if (!options_.budget_bytes) return {};
  std::int64_t missing = wanted.about.bytes - *options_.budget_bytes;
  std::vector<Entry*> loaded;
  for (Entry& entry : entries_) {
    if (!entry.model && entry.state != ModelState::kUnloading) continue;
    missing += entry.about.bytes;
    loaded.push_back(&entry);
  }
  std::ranges::sort(loaded, {}, [](const Entry* entry) {
    return std::tuple(entry->state != ModelState::kUnloading, entry->busy(), entry->last_used);
  });
  std::vector<Entry*> leaving;
  for (Entry* entry : loaded) {
    if (missing <= 0) break;
    leaving.push_back(entry);
    missing -= entry->about.bytes;
  }
  return leaving;
}

void ModelPool::load(Entry& entry, Lock& lock) {
  entry.state = ModelState::kLoading;
  entry.progress = 0.0;
  entry.wanted = false;
  end_yielding();
  lock.unlock();
  const Clock::time_point begin = Clock::now();
  std::unique_ptr<HostedModel> model;
  std::string reason;
  try {
    model = calls_.load(entry.index, [this, &entry](double progress) {
      if (stopping_) throw LoadingStopped();
      entry.progress = progress;
    });
  } catch (const LoadingStopped&) {
  } catch (const std::bad_alloc&) {
    reason = "out of memory; use a smaller model, or one of fewer bits";
  } catch (const std::exception& error) {
    reason = error.what();
  }
  const std::string name = log_text(entry.about.name);
  if (model) {
    const std::chrono::duration<double, std::milli> taken = Clock::now() - begin;
    calls_.note(fmt::format("event=ready model={} load_ms={:.0f}", name, taken.count()));
  } else if (!reason.empty()) {
    calls_.note(fmt::format("event=load_failed model={} reason={}", name, log_text(reason)));
  }
  lock.lock();
  entry.state = model             ? ModelState::kLoaded
                : !reason.empty() ? ModelState::kFailed
                                  : ModelState::kUnloaded;
  entry.model = std::move(model);
  entry.reason = reason;
  entry.loaded_since = Clock::now();
  entry.last_used = ++clock_;
  changed_.notify_all();
}

/// Unloads a model that no request uses.
void ModelPool::unload(Entry& entry, Lock& lock) {
  entry.state = ModelState::kUnloading;
  changed_.wait(lock, [&] { return entry.observers == 0; });
  std::unique_ptr<HostedModel> model = std::move(entry.model);
  lock.unlock();
  model.reset();
  return_free_memory();
  calls_.note(fmt::format("event=unload model={}", log_text(entry.about.name)));
  lock.lock();
  entry.state = ModelState::kUnloaded;
  // Who asked in the meantime waits for it to come back.
  if (!entry.waiting.empty()) enqueue(entry);
  changed_.notify_all();
}

void ModelPool::enqueue(Entry& entry) {
  entry.state = ModelState::kQueued;
  entry.queued_since = Clock::now();
  queue_.push_back(&entry);
}

/// A model that nobody waits for any more need not be loaded.
void ModelPool::leave_queue(Entry& entry) {
  if (entry.state != ModelState::kQueued || entry.wanted || !entry.waiting.empty()) return;
  std::erase(queue_, &entry);
  entry.state = ModelState::kUnloaded;
  end_yielding();
}

void ModelPool::end_yielding() {
  for (Entry& entry : entries_) entry.yields = false;
  changed_.notify_all();
}

// Operation.

void ModelPool::unload(std::size_t model) {
  Entry& entry = entries_[model];
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return entry.state != ModelState::kUnloading; });
  if (stopping_) throw ApiError(503, "the server is stopping");
  const auto refuse = [&](const std::string& why) {
    throw ApiError(409, fmt::format("{} {}; try again when it is idle", entry.about.name, why),
                   "model", "model_in_use");
  };
  switch (entry.state) {
    case ModelState::kQueued:
    case ModelState::kLoading:
      refuse("is being loaded");
      break;
    case ModelState::kLoaded:
      if (entry.uses > 0) refuse(fmt::format("answers {} requests", entry.uses));
      unload(entry, lock);
      break;
    case ModelState::kFailed:
      entry.state = ModelState::kUnloaded;
      break;
    case ModelState::kUnloaded:
    case ModelState::kUnloading:
      break;
  }
}

PooledStatus ModelPool::status(std::size_t model) {
  Entry& entry = entries_[model];
  PooledStatus status;
  {
    const std::lock_guard lock(mutex_);
    status.state = entry.state;
    status.progress = entry.state == ModelState::kLoaded    ? 1.0
                      : entry.state == ModelState::kLoading ? entry.progress.load()
                                                            : 0.0;
    status.reason = entry.state == ModelState::kFailed ? entry.reason : "";
    status.waiting = static_cast<int>(entry.waiting.size());
    if (entry.state != ModelState::kLoaded) return status;
    ++entry.observers;
  }
  status.model = use(entry, &Entry::observers);
  return status;
}

void ModelPool::drain(std::int64_t limit_ms) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(limit_ms);
  std::vector<HostedModel*> loaded;
  {
    // From here on nothing is unloaded any more.
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const Entry& entry : entries_) {
      if (entry.state == ModelState::kLoaded) loaded.push_back(entry.model.get());
    }
  }
  changed_.notify_all();
  for (HostedModel* model : loaded) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    model->drain(std::max<std::int64_t>(0, left.count()));
  }
}

}  // namespace saccade::server
