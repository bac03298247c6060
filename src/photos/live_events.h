// What happens to the library, told to open pages as it happens (server-sent events).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "photos/library.h"
#include "server/http.h"

namespace saccade::photos {

/// Looks at the database's counter of changes, so that other processes' work is seen too.
class LiveEvents {
 public:
  explicit LiveEvents(const Library& library);
  ~LiveEvents();
  LiveEvents(const LiveEvents&) = delete;
  LiveEvents& operator=(const LiveEvents&) = delete;

  /// Keeps a page up to date from now on: `photo` {"id", "revision"} for each photo that changed,
  /// `photos` {"added"}, and `progress`.
  void subscribe(const std::shared_ptr<server::Reply>& reply);
  /// Tells all pages.
  void publish(std::string_view event, std::string_view data);
  /// Ends all streams.
  void stop();

 private:
  struct Page {
    std::shared_ptr<server::Reply> reply;
    std::shared_ptr<std::atomic<bool>> gone;
  };

  void watch();
  void look();
  void tell_progress();
  bool has_pages();

  const Library& library_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Page> pages_;  // guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
  std::int64_t revision_ = 0;
  std::int64_t last_photo_ = 0;
  bool progress_is_old_ = false;
  std::chrono::steady_clock::time_point progress_told_;
  std::thread thread_;
};

}  // namespace saccade::photos
