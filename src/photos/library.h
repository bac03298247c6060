// A photo library: a folder with the database, its settings and small pictures.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "photos/database.h"
#include "photos/settings.h"

namespace saccade::photos {

/// The photos themselves stay where they are. LIBRARY/photos.db, photos.toml, thumbnails/.
class Library {
 public:
  enum class Missing { kFail, kCreate };

  /// Opens it; with kCreate a folder that does not exist or is empty becomes one. Throws Error.
  explicit Library(const std::filesystem::path& folder, Missing missing = Missing::kFail);

  const std::filesystem::path& folder() const { return folder_; }
  std::string name() const { return folder_.filename().string(); }
  Database& database() { return *database_; }
  const Database& database() const { return *database_; }
  const Settings& settings() const { return settings_; }

  /// Where the small picture of a photo is, or will be.
  std::filesystem::path thumbnail_path(const std::string& digest) const;

 private:
  std::filesystem::path folder_;
  Settings settings_;
  std::unique_ptr<Database> database_;
};

/// That this process, and no other, works on the library's queue.
class WorkLock {
 public:
  /// None: another process has it.
  static std::optional<WorkLock> take(const Library& library);
  ~WorkLock();
  WorkLock(WorkLock&& other) noexcept;
  WorkLock& operator=(WorkLock&& other) = delete;

 private:
  explicit WorkLock(int file) : file_(file) {}
  int file_;
};

}  // namespace saccade::photos
