// The first tier: files become photos, with what their headers say and a small picture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "photos/jobs.h"
#include "photos/library.h"
#include "photos/metadata.h"

namespace saccade::photos {

/// Longer side of small pictures, pixels.
inline constexpr int kThumbnailSize = 512;

enum class FileOutcome {
  kAdded,      ///< a photo that was not there
  kKnown,      ///< nothing about it has changed
  kSamePhoto,  ///< another file of a photo that is there
  kBroken,     ///< a photo that cannot be read; the library says why
  kSkipped,    ///< not a picture
};

struct ScanCounts {
  std::int64_t added = 0;
  std::int64_t known = 0;
  std::int64_t same_photo = 0;
  std::int64_t broken = 0;
  std::int64_t skipped = 0;
  std::int64_t missing = 0;  ///< files that were there and are gone
};

/// Told of each file; `message` is not empty for what is broken. Called on several threads, one at
/// a time.
using OnFile = std::function<void(const std::filesystem::path& path, FileOutcome outcome,
                                  const std::string& message)>;

class Importer {
 public:
  explicit Importer(Library& library) : library_(library) {}

  /// Adds files, and folders with all below them; they are looked at again by rescan(). Hidden
  /// folders, the library's own and links to folders are left out. Throws Error for a path that
  /// does not exist, and when the library cannot be written.
  ScanCounts add(const std::vector<std::filesystem::path>& paths, const OnFile& on_file = {});
  /// Looks at all that was added: new files, changed ones, and those that are gone.
  ScanCounts rescan(const OnFile& on_file = {});

  /// Imports one file. `named`: the user named it, so that it is an error if it is no picture.
  FileOutcome add_file(const std::filesystem::path& path, bool named, std::string& message);
  /// Does a photo's import again, from any of its files. Throws Error when that does not work.
  void run_job(const Job& job);

 private:
  ScanCounts scan(const std::vector<std::filesystem::path>& files, std::size_t named,
                  const OnFile& on_file);
  std::int64_t mark_missing();

  Library& library_;
};

/// Any file of a photo that is still there. Throws Error when there is none.
std::filesystem::path file_of_photo(const Database& database, std::int64_t photo);

}  // namespace saccade::photos
