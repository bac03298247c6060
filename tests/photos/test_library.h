// A library in a temporary folder, and photos in it that need no files.
#pragma once

#include <cstdint>
#include <string>

#include "photos/clock.h"
#include "photos/jobs.h"
#include "photos/library.h"
#include "temporary_directory.h"

namespace saccade::photos {

class TestLibrary {
 public:
  TestLibrary() : library(folder.path() / "library", Library::Missing::kCreate) {}

  /// A photo whose import is done, with a perceptual hash and a time.
  std::int64_t add_photo(std::uint64_t hash, std::int64_t taken_seconds) {
    return library.database().write([&](Connection& connection) {
      execute(connection,
              "INSERT INTO photos (digest, bytes, name, added_at, revision, perceptual_hash, "
              "taken_seconds, sharpness, width, height) VALUES (lower(hex(randomblob(32))), 1, "
              "'p.jpg', ?1, 0, ?2, ?3, 2.0, 10, 10)",
              now_ms(), static_cast<std::int64_t>(hash), taken_seconds);
      const std::int64_t photo = connection.getLastInsertRowid();
      queue_photo(connection, library.settings(), photo, 0);
      return photo;
    });
  }
  /// Claims and finishes the photo's `tier`.
  void finish(std::int64_t photo, const std::string& tier) {
    library.database().write([&](Connection& connection) {
      execute(connection, "UPDATE jobs SET state = 'running' WHERE photo_id = ?1 AND tier = ?2",
              photo, tier);
      finish_job(connection, library.settings(), {.photo = photo, .tier = tier}, 1.0, now_ms());
    });
  }
  std::string state(std::int64_t photo, const std::string& tier) {
    return library.database().read([&](Connection& connection) {
      return query_text(connection, "SELECT state FROM jobs WHERE photo_id = ?1 AND tier = ?2",
                        photo, tier);
    });
  }

  TemporaryDirectory folder;
  Library library;
};

}  // namespace saccade::photos
