#include "photos/importer.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "base/checksum.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "media/thumbnail.h"
#include "photos/answers.h"
#include "photos/clock.h"
#include "photos/photo_file.h"
#include "photos/picture_source.h"
#include "photos/revision.h"

namespace saccade::photos {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 64;

/// What a file turned out to be.
struct Contents {
  std::string digest;
  std::int64_t bytes = 0;
  PhotoMetadata metadata;
  std::string error;  ///< why it cannot be imported; empty: it can
};

/// Reads metadata and writes the small picture; what is wrong with the picture goes to `error`.
Contents examine(const Library& library, const fs::path& path) {
  std::vector<std::byte> bytes = read_photo_file(path);
  Contents contents{.digest = Checksum().add(bytes).hex(),
                    .bytes = static_cast<std::int64_t>(bytes.size()),
                    .metadata = {},
                    .error = {}};
  std::vector<std::byte> thumbnail;
  try {
    contents.metadata = read_metadata(bytes, path.string());
    const auto picture = encoded_picture(std::move(bytes), path.string());
    thumbnail = media::make_thumbnail(picture, path.string(), kThumbnailSize);
  } catch (const Error& error) {
    contents.error = error.what();
    return contents;
  }
  // A library that cannot be written is no fault of the picture.
  try {
    write_whole_file(library.thumbnail_path(contents.digest), thumbnail);
  } catch (const Error& error) {
    throw LibraryError(error.what());
  }
  return contents;
}

std::optional<std::int64_t> photo_of_digest(Connection& connection, const std::string& digest) {
  auto row = sql(connection, "SELECT id FROM photos WHERE digest = ?1", digest);
  return row.executeStep() ? std::optional(row.getColumn(0).getInt64()) : std::nullopt;
}

void store_file(Connection& connection, const fs::path& path, const FileStamp& stamp,
                std::optional<std::int64_t> photo, const std::string& error) {
  execute(connection,
          "INSERT INTO files (path, photo_id, bytes, modified_ns, error) VALUES (?1, ?2, ?3, ?4, "
          "?5) ON CONFLICT (path) DO UPDATE SET photo_id = excluded.photo_id, bytes = "
          "excluded.bytes, modified_ns = excluded.modified_ns, error = excluded.error, "
          "missing_since = NULL",
          path.string(), photo, stamp.bytes, stamp.modified_ns,
          error.empty() ? std::nullopt : std::optional(error));
}

/// A path that had another picture before: one that could not be read, such as a file that was
/// still being written, is forgotten when no file has it any more.
void forget_broken(Connection& connection, const std::string& path, std::int64_t photo) {
  const std::int64_t before =
      query_integer(connection, "SELECT photo_id FROM files WHERE path = ?1", path);
  if (before == 0 || before == photo) return;
  const bool broken = query_integer(connection,
                                    "SELECT width IS NULL AND (SELECT COUNT(*) FROM files WHERE "
                                    "photo_id = photos.id) = 1 FROM photos WHERE id = ?1",
                                    before) != 0;
  touch_photo(connection, before);
  if (!broken) return;
  execute(connection, "UPDATE files SET photo_id = NULL WHERE photo_id = ?1", before);
  for (const char* table : {"jobs", "results", "tags", "regions", "miniatures", "actions"}) {
    execute(connection, fmt::format("DELETE FROM {} WHERE photo_id = ?1", table), before);
  }
  execute(connection, "DELETE FROM photo_text WHERE rowid = ?1", before);
  execute(connection, "DELETE FROM photos WHERE id = ?1", before);
}

/// Stores what an import found and ends the job, in whichever way.
void end_import(Connection& connection, const Settings& settings, const Job& job,
                const Contents& contents, double duration_ms, std::int64_t now) {
  if (!contents.error.empty()) {
    fail_job(connection, settings, job, contents.error, true, now);
    return;
  }
  store_metadata(connection, job.photo, contents.metadata);
  finish_job(connection, settings, job, duration_ms, now);
}

/// Links to folders are not followed: they may lead in circles.
std::vector<fs::path> files_below(const fs::path& folder, const fs::path& library) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const bool hidden = entry->path().filename().string().starts_with('.');
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      if (hidden || entry->path() == library) entry.disable_recursion_pending();
    } else if (!hidden && entry->is_regular_file(ignored)) {
      files.push_back(entry->path());
    }
  }
  if (error) fail("{}: cannot be listed: {}", folder.string(), error.message());
  std::ranges::sort(files);
  return files;
}

fs::path absolute_path(const fs::path& path) {
  fs::path absolute = fs::absolute(path).lexically_normal();
  return absolute.filename().empty() ? absolute.parent_path() : absolute;
}

}  // namespace

FileOutcome Importer::add_file(const fs::path& path, bool named, std::string& message) {
  const auto begin = std::chrono::steady_clock::now();
  FileStamp stamp;
  Contents contents;
  std::string unreadable;
  Database& database = library_.database();
  try {
    stamp = stamp_of(path);
    const bool known = database.read([&](Connection& connection) {
      return query_integer(connection,
                           "SELECT EXISTS (SELECT 1 FROM files WHERE path = ?1 AND bytes = ?2 AND "
                           "modified_ns = ?3 AND missing_since IS NULL AND error IS NULL)",
                           path.string(), stamp.bytes, stamp.modified_ns) != 0;
    });
    if (known) return FileOutcome::kKnown;
    if (!looks_like_picture(read_head(path, kHeadBytes))) {
      if (!named) return FileOutcome::kSkipped;
      unreadable = fmt::format("{}: it is no picture that Saccade reads", path.string());
    }
  } catch (const Error& error) {
    unreadable = error.what();
  }
  if (unreadable.empty()) {
    contents = examine(library_, path);
    message = contents.error;
  } else {
    message = unreadable;
  }
  const double duration_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return database.write([&](Connection& connection) {
    if (!unreadable.empty()) {
      const std::string before =
          query_text(connection, "SELECT error FROM files WHERE path = ?1", path.string());
      if (before == unreadable) return FileOutcome::kKnown;
      store_file(connection, path, stamp, std::nullopt, unreadable);
      return FileOutcome::kBroken;
    }
    if (const auto photo = photo_of_digest(connection, contents.digest)) {
      forget_broken(connection, path.string(), *photo);
      store_file(connection, path, stamp, photo, "");
      touch_photo(connection, *photo);
      return FileOutcome::kSamePhoto;
    }
    const std::int64_t now = now_ms();
    forget_broken(connection, path.string(), 0);
    execute(connection,
            "INSERT INTO photos (digest, bytes, name, added_at, revision) VALUES (?1, ?2, ?3, ?4, "
            "0)",
            contents.digest, contents.bytes, path.filename().string(), now);
    const std::int64_t photo = connection.getLastInsertRowid();
    store_file(connection, path, stamp, photo, "");
    queue_photo(connection, library_.settings(), photo, now);
    const Job job{.photo = photo, .tier = library_.settings().tiers[0].name};
    end_import(connection, library_.settings(), job, contents, duration_ms, now);
    return contents.error.empty() ? FileOutcome::kAdded : FileOutcome::kBroken;
  });
}

ScanCounts Importer::scan(const std::vector<fs::path>& files, std::size_t named,
                          const OnFile& on_file) {
  ScanCounts counts;
  std::mutex mutex;
  ThreadPool threads(library_.settings().tiers[0].concurrency);
  threads.parallel_for(static_cast<std::int64_t>(files.size()), [&](std::int64_t index) {
    const fs::path& path = files[static_cast<std::size_t>(index)];
    std::string message;
    const FileOutcome outcome = add_file(path, static_cast<std::size_t>(index) < named, message);
    const std::scoped_lock lock(mutex);
    switch (outcome) {
      case FileOutcome::kAdded:
        ++counts.added;
        break;
      case FileOutcome::kKnown:
        ++counts.known;
        break;
      case FileOutcome::kSamePhoto:
        ++counts.same_photo;
        break;
      case FileOutcome::kBroken:
        ++counts.broken;
        break;
      case FileOutcome::kSkipped:
        ++counts.skipped;
        break;
    }
    if (on_file) on_file(path, outcome, message);
  });
  return counts;
}

ScanCounts Importer::add(const std::vector<fs::path>& paths, const OnFile& on_file) {
  std::vector<fs::path> named;
  std::vector<fs::path> found;
  for (const fs::path& path : paths) {
    const fs::path absolute = absolute_path(path);
    std::error_code error;
    const auto status = fs::status(absolute, error);
    if (!fs::exists(status)) fail("{}: there is no such file or folder", path.string());
    if (fs::is_directory(status)) {
      const auto files = files_below(absolute, library_.folder());
      found.insert(found.end(), files.begin(), files.end());
    } else {
      named.push_back(absolute);
    }
    library_.database().write([&](Connection& connection) {
      execute(connection, "INSERT OR IGNORE INTO sources (path, added_at) VALUES (?1, ?2)",
              absolute.string(), now_ms());
    });
  }
  const std::size_t count = named.size();
  named.insert(named.end(), found.begin(), found.end());
  return scan(named, count, on_file);
}

ScanCounts Importer::rescan(const OnFile& on_file) {
  std::vector<fs::path> sources = library_.database().read([](Connection& connection) {
    std::vector<fs::path> paths;
    auto rows = sql(connection, "SELECT path FROM sources ORDER BY path");
    while (rows.executeStep()) paths.emplace_back(rows.getColumn(0).getString());
    return paths;
  });
  std::vector<fs::path> files;
  for (const fs::path& source : sources) {
    std::error_code error;
    const auto status = fs::status(source, error);
    if (fs::is_directory(status)) {
      const auto below = files_below(source, library_.folder());
      files.insert(files.end(), below.begin(), below.end());
    } else if (fs::exists(status)) {
      files.push_back(source);
    }
  }
  ScanCounts counts = scan(files, 0, on_file);
  counts.missing = mark_missing();
  return counts;
}

std::int64_t Importer::mark_missing() {
  using Files = std::vector<std::pair<std::string, std::int64_t>>;
  const Files files = library_.database().read([](Connection& connection) {
    Files rows;
    auto row = sql(connection,
                   "SELECT path, COALESCE(photo_id, 0) FROM files WHERE missing_since IS NULL");
    while (row.executeStep()) {
      rows.emplace_back(row.getColumn(0).getString(), row.getColumn(1).getInt64());
    }
    return rows;
  });
  Files gone;
  std::ranges::copy_if(files, std::back_inserter(gone), [](const auto& file) {
    std::error_code error;
    return !fs::exists(file.first, error);
  });
  if (gone.empty()) return 0;
  library_.database().write([&](Connection& connection) {
    for (const auto& [path, photo] : gone) {
      if (photo == 0) {
        execute(connection, "DELETE FROM files WHERE path = ?1", path);
        continue;
      }
      execute(connection, "UPDATE files SET missing_since = ?2 WHERE path = ?1", path, now_ms());
      touch_photo(connection, photo);
    }
  });
  return static_cast<std::int64_t>(gone.size());
}

void Importer::run_job(const Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  const Contents contents = examine(library_, file_of_photo(library_.database(), job.photo));
  const double duration_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  library_.database().write([&](Connection& connection) {
    end_import(connection, library_.settings(), job, contents, duration_ms, now_ms());
  });
}

fs::path file_of_photo(const Database& database, std::int64_t photo) {
  const auto paths = database.read([&](Connection& connection) {
    std::vector<fs::path> found;
    auto rows = sql(connection,
                    "SELECT path FROM files WHERE photo_id = ?1 ORDER BY missing_since IS NOT "
                    "NULL, path",
                    photo);
    while (rows.executeStep()) found.emplace_back(rows.getColumn(0).getString());
    return found;
  });
  for (const fs::path& path : paths) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return path;
  }
  fail("photo {}: {}", photo,
       paths.empty() ? "its file now has another picture"
                     : paths[0].string() + ": the file is gone");
}

}  // namespace saccade::photos
