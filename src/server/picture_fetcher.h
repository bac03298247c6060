// Threads that fetch the pictures which requests name by URL.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "saccade/request.h"
#include "server/api_error.h"
#include "server/options.h"
#include "server/remote_picture.h"

namespace saccade::server {

class PictureFetcher {
 public:
  /// Starts no threads where no host is allowed.
  explicit PictureFetcher(const ServeOptions& options);
  /// Ends what is under way; nobody is told.
  ~PictureFetcher();
  PictureFetcher(const PictureFetcher&) = delete;
  PictureFetcher& operator=(const PictureFetcher&) = delete;

  /// The pictures of one request.
  class Job {
   public:
    /// Nobody waits for them any more: ends within a second or so, and nobody is told.
    void cancel() { cancelled_ = true; }

   private:
    friend class PictureFetcher;
    Job() = default;
    std::vector<RemotePicture> pictures_;
    std::function<void(std::vector<ImageBytes>)> done_;
    std::function<void(const ApiError&)> failed_;
    std::atomic<std::int64_t> room_bytes_ = 0;
    std::atomic<bool> cancelled_ = false;
    std::vector<ImageBytes> fetched_;  // each written by one thread
    std::atomic<std::size_t> missing_ = 0;
  };
  /// A job for start(), of at least one picture. One of these will be called, on a thread of the
  /// fetcher: `done` with the pictures in their order, or `failed` with the first error.
  std::shared_ptr<Job> make_job(std::vector<RemotePicture> pictures,
                                std::function<void(std::vector<ImageBytes>)> done,
                                std::function<void(const ApiError&)> failed) const;
  /// Fetches the pictures, several at a time. Throws ApiError (429) when too many wait.
  void start(const std::shared_ptr<Job>& job);

 private:
  struct Task {
    std::shared_ptr<Job> job;
    std::size_t picture;
  };
  void run();
  void fetch_one(Job& job, std::size_t picture) const;

  const RemoteHosts hosts_;
  const std::chrono::milliseconds time_;
  const std::int64_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::vector<std::shared_ptr<Job>> running_;  // one for each task under way
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

/// Puts fetched pictures, which have the names of the fields that asked for them, in their places.
void place_pictures(std::span<Request> requests, std::span<const ImageBytes> pictures);

}  // namespace saccade::server
