#include "cli/photos_actions.h"

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/photos_report.h"
#include "photos/clock.h"
#include "photos/importer.h"
#include "photos/jobs.h"
#include "photos/progress.h"
#include "photos/verifier.h"
#include "photos/workers.h"

namespace saccade::cli {
namespace {

using photos::Connection;
using photos::FileOutcome;
using photos::Library;

// A look at the folders costs a stat a file: never more than this share of a core.
constexpr double kWatchShare = 0.1;
constexpr std::chrono::milliseconds kShortestWatch{250};

void report_file(const std::filesystem::path& /*path*/, FileOutcome /*outcome*/,
                 const std::string& message) {
  if (!message.empty()) write_error_line(message);
}

void watch(photos::Importer& importer) {
  write_output("Watching for new photos; Ctrl-C ends it.\n");
  while (!interrupted()) {
    const auto begin = std::chrono::steady_clock::now();
    const photos::ScanCounts counts = importer.rescan(report_file);
    if (counts.added + counts.same_photo + counts.missing > 0) write_output(scan_text(counts));
    const auto spent = std::chrono::steady_clock::now() - begin;
    const auto pause = std::max<std::chrono::nanoseconds>(
        kShortestWatch, std::chrono::duration_cast<std::chrono::nanoseconds>(spent / kWatchShare));
    const auto until = std::chrono::steady_clock::now() + pause;
    while (!interrupted() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

}  // namespace

int add_photos(const PhotosAdd& command) {
  if (command.paths.empty() && !command.watch) fail_usage("PATH is required");
  Library library(command.library, Library::Missing::kCreate);
  photos::Importer importer(library);
  const InterruptScope scope;
  const photos::ScanCounts counts =
      importer.add({command.paths.begin(), command.paths.end()}, report_file);
  write_output(scan_text(counts));
  if (command.watch) {
    watch(importer);
    return kSuccess;
  }
  return counts.broken > 0 && counts.added + counts.known + counts.same_photo == 0 ? kFailure
                                                                                   : kSuccess;
}

int work_on_photos(const PhotosWork& command) {
  Library library(command.library);
  auto lock = photos::WorkLock::take(library);
  if (!lock) fail("{}: another saccade is working on this library", library.folder().string());
  const InterruptScope scope;
  photos::Workers workers(library, std::move(*lock));
  std::thread waiter;
  std::atomic<bool> idle = false;
  if (command.until_idle) {
    waiter = std::thread([&] {
      workers.wait_until_idle();
      idle = true;
    });
  }
  std::map<std::string, std::string> told;
  while (!interrupted() && !idle) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    auto troubles = workers.troubles();
    for (const auto& [tier, trouble] : troubles) {
      if (told[tier] != trouble) write_error_line(fmt::format("tier {}: {}", tier, trouble));
    }
    told = std::move(troubles);
  }
  workers.stop();
  if (waiter.joinable()) waiter.join();
  const auto progress = library.database().read([&](Connection& connection) {
    return read_progress(connection, library.settings(), photos::now_ms());
  });
  write_output(progress_text(progress));
  return told.empty() ? kSuccess : kFailure;
}

int serve_photos(const PhotosServe& command) {
  Library library(command.library, Library::Missing::kCreate);
  photos::DeckServer server(library, command.options);
  const bool keyed = !command.options.key.empty();
  write_output(fmt::format(
      "The photos of {} are at {}/{}{}\n", library.folder().string(), server.url(),
      keyed ? "?key=... (the key that was given)" : "",
      command.options.sealed ? ", sealed: the kernel refuses outgoing connections" : ""));
  if (command.options.work && !server.works()) {
    write_error_line("another saccade is working on this library; this one shows what it does");
  }
  server.run();
  return kSuccess;
}

int show_photos_status(const PhotosStatus& command) {
  const Library library(command.library);
  const auto [progress, problems] = library.database().read([&](Connection& connection) {
    return std::pair(read_progress(connection, library.settings(), photos::now_ms()),
                     photos::read_problems(connection, 20));
  });
  write_output(command.json ? json_text(status_json(progress, problems)) + "\n"
                            : progress_text(progress) + problems_text(problems));
  return kSuccess;
}

int search_photos(const PhotosSearch& command) {
  const Library library(command.library);
  const auto found = library.database().read([&](Connection& connection) {
    return photos::list_photos(connection, command.filter, photos::PhotoOrder::kRelevance, 0,
                               command.limit);
  });
  std::vector<std::string> paths;
  for (const photos::PhotoSummary& photo : found) {
    paths.push_back(library.database().read([&](Connection& connection) {
      return photos::query_text(connection,
                                "SELECT path FROM files WHERE photo_id = ?1 ORDER BY missing_since "
                                "IS NOT NULL, path LIMIT 1",
                                photo.id);
    }));
  }
  write_output(command.json ? json_text(search_json(found, paths)) + "\n"
                            : search_text(found, paths));
  return found.empty() ? kFailure : kSuccess;
}

int export_photos(const PhotosExport& command) {
  const Library library(command.library);
  const photos::ExportCounts counts =
      export_library(library, command.options, [](std::string_view text) { write_output(text); });
  if (counts.skipped > 0) {
    write_error_line(
        fmt::format("{} of {} photos have no file, or a sidecar that another program "
                    "wrote (--overwrite replaces those)",
                    counts.skipped, counts.photos));
  }
  return kSuccess;
}

int verify_photos(const std::string& folder) {
  Library library(folder);
  const photos::VerifyCounts counts =
      verify_library(library, [](const std::string& line) { write_output(line + "\n"); });
  write_output(
      fmt::format("{} files are as they were, {} missing, {} changed, {} unreadable; {}\n",
                  thousands(counts.good), thousands(counts.missing), thousands(counts.changed),
                  thousands(counts.unreadable),
                  counts.database_is_sound ? "the database is sound" : "the database is damaged"));
  if (counts.thumbnails > 0) {
    write_output(fmt::format("{} thumbnails are gone; the next work makes them again\n",
                             thousands(counts.thumbnails)));
  }
  const bool good = counts.missing + counts.changed + counts.unreadable == 0;
  return good && counts.database_is_sound ? kSuccess : kFailure;
}

int retry_photos(const PhotosRetry& command) {
  Library library(command.library);
  if (!command.tier.empty() && library.settings().find(command.tier) == nullptr) {
    fail_usage("--tier: the library has no tier {}", command.tier);
  }
  const int jobs = library.database().write([&](Connection& connection) {
    const std::int64_t now = photos::now_ms();
    int count = retry_jobs(connection, library.settings(), command.photo, command.tier, now);
    if (command.outdated) count += retry_outdated(connection, library.settings(), now);
    return count;
  });
  write_output(
      fmt::format("{} {} will be done again\n", thousands(jobs), jobs == 1 ? "job" : "jobs"));
  return kSuccess;
}

}  // namespace saccade::cli
