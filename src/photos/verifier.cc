#include "photos/verifier.h"

#include <fmt/format.h>

#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "photos/clock.h"
#include "photos/jobs.h"
#include "photos/photo_file.h"
#include "photos/revision.h"

namespace saccade::photos {
namespace {

struct KnownFile {
  std::string path;
  std::int64_t photo = 0;
  std::string digest;
};

std::vector<KnownFile> known_files(const Database& database) {
  return database.read([](Connection& connection) {
    std::vector<KnownFile> files;
    auto rows = sql(connection,
                    "SELECT path, photos.id, digest FROM files JOIN photos ON photos.id = photo_id "
                    "ORDER BY path");
    while (rows.executeStep()) {
      files.push_back({.path = rows.getColumn(0).getString(),
                       .photo = rows.getColumn(1).getInt64(),
                       .digest = rows.getColumn(2).getString()});
    }
    return files;
  });
}

void set_missing(Library& library, const KnownFile& file, bool missing) {
  library.database().write([&](Connection& connection) {
    const int changed = execute(connection,
                                "UPDATE files SET missing_since = CASE WHEN ?2 THEN ?3 END WHERE "
                                "path = ?1 AND (missing_since IS NOT NULL) <> ?2",
                                file.path, missing, now_ms());
    if (changed > 0) touch_photo(connection, file.photo);
  });
}

void check_file(Library& library, const KnownFile& file, VerifyCounts& counts,
                const std::function<void(const std::string&)>& report) {
  std::error_code error;
  if (!std::filesystem::exists(file.path, error)) {
    ++counts.missing;
    report(fmt::format("missing: {}", file.path));
    set_missing(library, file, true);
    return;
  }
  try {
    if (Checksum().add(read_photo_file(file.path)).hex() == file.digest) {
      ++counts.good;
      set_missing(library, file, false);
    } else {
      ++counts.changed;
      report(fmt::format("changed: {}", file.path));
    }
  } catch (const LibraryError&) {
    throw;
  } catch (const Error& failure) {
    ++counts.unreadable;
    report(fmt::format("unreadable: {}", failure.what()));
  }
}

}  // namespace

VerifyCounts verify_library(Library& library,
                            const std::function<void(const std::string&)>& report) {
  VerifyCounts counts;
  const std::string soundness = library.database().read(
      [](Connection& connection) { return query_text(connection, "PRAGMA integrity_check(1)"); });
  if (soundness != "ok") {
    counts.database_is_sound = false;
    report(fmt::format("database: {}", soundness));
  }
  for (const KnownFile& file : known_files(library.database())) {
    check_file(library, file, counts, report);
    std::error_code error;
    if (std::filesystem::exists(library.thumbnail_path(file.digest), error)) continue;
    const int queued = library.database().write([&](Connection& connection) {
      const std::string& import = library.settings().tiers[0].name;
      const bool done =
          query_text(connection, "SELECT state FROM jobs WHERE photo_id = ?1 AND tier = ?2",
                     file.photo, import) == "done";
      return done ? retry_jobs(connection, library.settings(), file.photo, import, now_ms()) : 0;
    });
    counts.thumbnails += queued;
  }
  return counts;
}

}  // namespace saccade::photos
