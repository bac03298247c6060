// The photo library's database: one SQLite file that several processes may use at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "photos/sql.h"
#include "saccade/error.h"

namespace saccade::photos {

/// The library itself fails, not a photo: its disk is full, or it may not be written.
class LibraryError : public Error {
 public:
  explicit LibraryError(const std::string& message) : Error(message) {}
};

/// Threads may share it. What one transaction reads is of one moment; what it writes is all there
/// after a crash or not at all (write-ahead log).
class Database {
 public:
  /// Opens the file, or makes it, and brings its tables up to date. Throws Error: it cannot be
  /// opened or written, is damaged, no library, or of a newer version of Saccade.
  explicit Database(std::filesystem::path path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Gives `work` the connection that writes, in a transaction that ends well when `work` returns
  /// and undoes everything when it throws. One at a time in all processes; others wait. Throws
  /// LibraryError for what SQLite says, such as a full disk.
  template <typename Work>
  auto write(const Work& work) {
    const std::scoped_lock lock(write_mutex_);
    return guarded([&] {
      begin(*writer_);
      Rollback rollback{*writer_};
      if constexpr (std::is_void_v<decltype(work(*writer_))>) {
        work(*writer_);
        rollback.commit();
      } else {
        auto result = work(*writer_);
        rollback.commit();
        return result;
      }
    });
  }

  /// Gives `work` a connection that reads. Any number at a time, also while one writes.
  template <typename Work>
  auto read(const Work& work) const {
    return guarded([&] {
      const Lease lease(*this);
      return work(*lease.connection);
    });
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Rollback {
    Connection& connection;
    bool done = false;
    void commit();
    ~Rollback();
  };
  struct Lease {
    explicit Lease(const Database& of);
    ~Lease();
    const Database& database;
    std::unique_ptr<Connection> connection;
  };

  static void begin(Connection& connection);
  [[noreturn]] void rethrow(const SQLite::Exception& error) const;
  template <typename Work>
  auto guarded(const Work& work) const -> decltype(work()) {
    try {
      return work();
    } catch (const SQLite::Exception& error) {
      rethrow(error);
    }
  }
  std::unique_ptr<Connection> open(int flags) const;

  const std::filesystem::path path_;
  std::mutex write_mutex_;
  std::unique_ptr<Connection> writer_;
  mutable std::mutex readers_mutex_;
  mutable std::vector<std::unique_ptr<Connection>> readers_;  // those that nobody uses
};

}  // namespace saccade::photos
