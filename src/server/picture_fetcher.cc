#include "server/picture_fetcher.h"

#include <algorithm>
#include <utility>

namespace saccade::server {
namespace {

// They wait for other machines and compute nothing.
constexpr int kThreads = 8;
// Pictures that wait for a thread. Of one request there may be more.
constexpr std::size_t kMaxWaiting = 256;

}  // namespace

PictureFetcher::PictureFetcher(const ServeOptions& options)
    : hosts_(options.remote_hosts),
      time_(options.limits.remote_picture_ms),
      max_bytes_(static_cast<std::int64_t>(options.http.max_body_bytes)) {
  if (options.remote_hosts.empty()) return;
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
}

PictureFetcher::~PictureFetcher() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    tasks_.clear();
    for (const auto& job : running_) job->cancel();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::shared_ptr<PictureFetcher::Job> PictureFetcher::make_job(
    std::vector<RemotePicture> pictures, std::function<void(std::vector<ImageBytes>)> done,
    std::function<void(const ApiError&)> failed) const {
  const std::shared_ptr<Job> job(new Job);
  const std::size_t count = pictures.size();
  job->pictures_ = std::move(pictures);
  job->done_ = std::move(done);
  job->failed_ = std::move(failed);
  // Together they may be as large as a request that brings its pictures along.
  job->room_bytes_ = max_bytes_;
  job->fetched_.resize(count);
  job->missing_ = count;
  return job;
}

void PictureFetcher::start(const std::shared_ptr<Job>& job) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= kMaxWaiting) {
      ApiError full(429, "too many pictures wait to be fetched", {}, "queue_full");
      full.set_retry_after(1);
      throw full;
    }
    for (std::size_t i = 0; i < job->pictures_.size(); ++i) tasks_.push_back({job, i});
  }
  changed_.notify_all();
}

void PictureFetcher::run() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (ending_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      running_.push_back(task.job);
    }
    fetch_one(*task.job, task.picture);
    const std::lock_guard lock(mutex_);
    running_.erase(std::ranges::find(running_, task.job));
  }
}

void PictureFetcher::fetch_one(Job& job, std::size_t picture) const {
  const RemotePicture& wanted = job.pictures_[picture];
  try {
    if (job.cancelled_) return;
    job.fetched_[picture] = {
        fetch_picture(wanted, hosts_, {time_, job.room_bytes_, job.cancelled_}), wanted.where};
  } catch (const ApiError& error) {
    // The first error ends the others, whose threads then find the job cancelled.
    if (!job.cancelled_.exchange(true)) job.failed_(error);
    return;
  } catch (const std::exception& error) {
    if (!job.cancelled_.exchange(true)) job.failed_(ApiError(500, error.what()));
    return;
  }
  if (--job.missing_ == 0 && !job.cancelled_) job.done_(std::move(job.fetched_));
}

void place_pictures(std::span<Request> requests, std::span<const ImageBytes> pictures) {
  for (Request& request : requests) {
    for (Message& message : request.messages) {
      for (auto& part : message.content) {
        auto* image = std::get_if<ImageBytes>(&part);
        if (!image || !image->bytes.empty()) continue;
        const auto found = std::ranges::find(pictures, image->name, &ImageBytes::name);
        if (found != pictures.end()) image->bytes = found->bytes;
      }
    }
  }
}

}  // namespace saccade::server
