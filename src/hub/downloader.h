// Downloading blobs in pieces, several at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <future>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "hub/answer.h"
#include "hub/http.h"
#include "hub/partial_blob.h"
#include "hub/revision.h"

namespace saccade::hub {

/// Downloads files of one repository into blobs. All of it runs on the caller's thread but for the
/// checking of what is complete.
class Downloader {
 public:
  /// `files_url` and a file's name make its URL. The arguments must outlive this object.
  Downloader(HttpClient& client, const Settings& settings, const PullRequest& request,
             PullListener& listener, std::string files_url, std::filesystem::path blobs);
  ~Downloader();
  Downloader(const Downloader&) = delete;
  Downloader& operator=(const Downloader&) = delete;

  /// Downloads and checks all files, whose sizes and blobs are known and differ. Returns the bytes
  /// received. Throws Error or Cancelled; what came so far is kept.
  std::int64_t run(const std::vector<RemoteFile>& files);

 private:
  using Clock = std::chrono::steady_clock;

  struct Item {
    RemoteFile file;
    std::unique_ptr<PartialBlob> blob;
    std::future<std::string> check;  // the digest found
    int open_pieces = 0;
    int failed_checks = 0;
    bool whole = false;  // the server does not do ranges
  };

  /// Bytes that one request is to bring, and what became of them.
  struct Piece {
    Item* item;
    ByteRange range;
    int failures = 0;
    Clock::time_point not_before{};
  };

  struct Active {
    Piece piece;
    std::int64_t at = 0;  // next byte to come
    bool head_checked = false;
    bool ignored_range = false;
    std::string flaw;  // what is wrong with the response
    HttpClient::Id id = 0;
  };

  void check_room() const;
  void plan(Item& item);
  void start_pieces();
  void start(const Piece& piece);
  bool take(Active& active, const ResponseHead& head, std::span<const std::byte> bytes);
  void examine(Active& active, const ResponseHead& head) const;
  void finish(Active& active, HttpOutcome outcome);
  void retry(const Active& active, const HttpOutcome& outcome);
  void fetch_whole(Item& item);
  void begin_check(Item& item);
  void collect_checks();
  void take_check(Item& item, const std::string& found);
  void report();
  void notice(const std::string& line);

  HttpClient& client_;
  const Settings& settings_;
  const PullRequest& request_;
  PullListener& listener_;
  std::string files_url_;
  std::filesystem::path blobs_;

  std::atomic<bool> stop_{false};  // asks running checks to end
  std::list<Item> items_;          // unfinished; pieces point to them
  std::deque<Piece> waiting_;
  std::list<Active> active_;
  Clock::time_point pause_until_{};  // the server asked for patience
  Clock::time_point saved_{};
  Clock::time_point noticed_{};
  std::int64_t finished_bytes_ = 0;
  std::int64_t total_bytes_ = 0;
  std::int64_t received_bytes_ = 0;
};

}  // namespace saccade::hub
