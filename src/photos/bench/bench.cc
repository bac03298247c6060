#include "photos/bench/bench.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/memory_info.h"
#include "photos/clock.h"
#include "photos/importer.h"
#include "photos/made_library.h"
#include "photos/workers.h"
#include "saccade/memory.h"

namespace saccade::photos {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLook{20};
// After an arrival, of the default tiers.
const std::map<std::string, double> kTargets = {
    {"visible", 100.0}, {"vision", 600.0}, {"small", 1500.0}};

std::optional<double> target_of(const std::string& name) {
  const auto found = kTargets.find(name);
  return found == kTargets.end() ? std::nullopt : std::optional(found->second);
}

fs::path pictures_of(const PhotosBenchOptions& options) {
  return options.folder / "pictures";
}

/// The weights of all models in process, each counted once.
std::int64_t weights_of(const Settings& settings) {
  std::set<std::string> seen;
  std::int64_t bytes = 0;
  for (const Tier& tier : settings.tiers) {
    if (tier.kind != Tier::Kind::kVlm || !tier.vlm.url.empty()) continue;
    if (!seen.insert(tier.vlm.model).second) continue;
    bytes += memory_needs(inspect_model(tier.vlm.model, tier.vlm.engine)).weights;
  }
  return bytes;
}

class Measurement {
 public:
  Measurement(const PhotosBenchOptions& options, const PhotosBenchHooks& hooks)
      : options_(options), hooks_(hooks) {
    hooks_.on_stage(
        fmt::format("making {} photos of {}x{}", options.photos, options.width, options.height));
    made_ = make_library(pictures_of(options), options.photos, options.seed,
                         {.width = options.width,
                          .height = options.height,
                          .threads = static_cast<int>(std::thread::hardware_concurrency())});
    hooks_.check();
    library_.emplace(options.folder / "library", Library::Missing::kCreate);
    report_.options = options;
  }

  PhotosBenchReport run() {
    report_.weight_bytes = weights_of(library_->settings());
    return_free_memory();
    forget_peak_memory();
    auto lock = WorkLock::take(*library_);
    if (!lock) fail("{}: another saccade works on it", library_->folder().string());
    Workers workers(*library_, std::move(*lock));
    workers_ = &workers;
    const std::size_t sample = one_by_one();
    all_at_once(sample);
    report_.peak_bytes = peak_memory_bytes();
    count_work();
    count_clusters();
    return report_;
  }

 private:
  struct Import {
    std::int64_t begin = 0;  // milliseconds since 1970
    double ms = 0.0;
  };

  Import import(const MadePhoto& photo) {
    const Import result{.begin = now_ms()};
    const auto begin = std::chrono::steady_clock::now();
    std::string message;
    Importer(*library_).add_file(pictures_of(options_) / photo.file, true, message);
    if (!message.empty()) fail("{}", message);
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    return {result.begin, taken.count()};
  }

  /// Until nothing is left to do. Throws Error when a model cannot be had.
  void wait_until_idle() {
    while (count("SELECT EXISTS (SELECT 1 FROM jobs WHERE state IN ('waiting', 'running', "
                 "'failed'))") != 0) {
      hooks_.check();
      for (const auto& [tier, trouble] : workers_->troubles()) fail("tier {}: {}", tier, trouble);
      std::this_thread::sleep_for(kLook);
    }
  }

  /// The first photo has the models loaded and is not counted. Returns how many have come.
  std::size_t one_by_one() {
    hooks_.on_stage("loading the models, with the first photo");
    import(made_[0]);
    wait_until_idle();
    const std::size_t end = std::min(made_.size(), 1 + static_cast<std::size_t>(options_.sample));
    hooks_.on_stage(fmt::format("{} photos one by one", end - 1));
    report_.arrivals.push_back({"visible", {}, target_of("visible")});
    for (const Tier& tier : library_->settings().tiers) {
      if (tier.kind == Tier::Kind::kImport) continue;
      report_.arrivals.push_back({tier.name, {}, target_of(tier.name)});
    }
    for (std::size_t i = 1; i < end; ++i) {
      const Import imported = import(made_[i]);
      wait_until_idle();
      report_.arrivals[0].ms.push_back(imported.ms);
      for (std::size_t t = 1; t < report_.arrivals.size(); ++t) {
        // A photo that another one answers for is done without work, before its turn.
        const std::int64_t over = count(
            "SELECT changed_at FROM jobs JOIN photos ON photos.id = photo_id WHERE name = ?1 "
            "AND tier = ?2 AND state = 'done'",
            made_[i].file, report_.arrivals[t].name);
        if (over > 0) {
          report_.arrivals[t].ms.push_back(static_cast<double>(over - imported.begin));
        }
      }
    }
    return end;
  }

  void all_at_once(std::size_t first) {
    report_.rest = static_cast<std::int64_t>(made_.size() - first);
    if (report_.rest == 0) return;
    hooks_.on_stage(fmt::format("{} photos at once", report_.rest));
    const std::int64_t begin = now_ms();
    Importer(*library_).add({pictures_of(options_)},
                            [&](const auto&, FileOutcome, const std::string& message) {
                              if (!message.empty()) fail("{}", message);
                              hooks_.check();
                            });
    report_.added_seconds = static_cast<double>(now_ms() - begin) / 1000.0;
    wait_until_idle();
    std::int64_t foreground = begin;
    std::int64_t all = begin;
    for (const Tier& tier : library_->settings().tiers) {
      const std::int64_t last =
          count("SELECT MAX(changed_at) FROM jobs WHERE tier = ?1", tier.name);
      if (!tier.background) foreground = std::max(foreground, last);
      all = std::max(all, last);
    }
    report_.foreground_seconds = static_cast<double>(foreground - begin) / 1000.0;
    report_.background_seconds = static_cast<double>(all - foreground) / 1000.0;
  }

  void count_work() {
    for (const Tier& tier : library_->settings().tiers) {
      Timing timing{tier.name, {}, std::nullopt};
      library_->database().read([&](Connection& connection) {
        auto rows = sql(connection,
                        "SELECT duration_ms FROM jobs WHERE tier = ?1 AND state = 'done' AND "
                        "duration_ms IS NOT NULL AND photo_id > 1 ORDER BY photo_id",
                        tier.name);
        while (rows.executeStep()) timing.ms.push_back(rows.getColumn(0).getDouble());
      });
      report_.work.push_back(std::move(timing));
    }
    report_.set_aside = count("SELECT COUNT(*) FROM jobs WHERE state = 'set_aside'");
  }

  void count_clusters() {
    std::map<std::string, int> burst_of;
    std::map<int, std::int64_t> sizes;
    for (const MadePhoto& photo : made_) {
      burst_of[photo.file] = photo.burst;
      if (photo.burst >= 0 && sizes[photo.burst]++ > 0) ++report_.savable;
    }
    for (const Tier& tier : library_->settings().tiers) {
      if (!tier.shared) continue;
      report_.calls +=
          count("SELECT COUNT(*) FROM jobs WHERE tier = ?1 AND state = 'done'", tier.name);
      library_->database().read([&](Connection& connection) {
        auto rows = sql(connection,
                        "SELECT member.name, asked.name FROM results JOIN photos AS member ON "
                        "member.id = photo_id JOIN photos AS asked ON asked.id = from_photo WHERE "
                        "current AND tier = ?1",
                        tier.name);
        while (rows.executeStep()) {
          const int member = burst_of.at(rows.getColumn(0).getString());
          ++report_.calls_saved;
          if (member < 0 || member != burst_of.at(rows.getColumn(1).getString())) ++report_.wrong;
        }
      });
    }
  }

  template <typename... Values>
  std::int64_t count(const std::string& query, const Values&... values) const {
    return library_->database().read(
        [&](Connection& connection) { return query_integer(connection, query, values...); });
  }

  const PhotosBenchOptions& options_;
  const PhotosBenchHooks& hooks_;
  std::vector<MadePhoto> made_;
  std::optional<Library> library_;
  Workers* workers_ = nullptr;
  PhotosBenchReport report_;
};

}  // namespace

PhotosBenchReport run_photos_bench(const PhotosBenchOptions& options,
                                   const PhotosBenchHooks& hooks) {
  std::error_code error;
  if (fs::exists(options.folder, error) && !fs::is_empty(options.folder, error)) {
    fail("{}: the folder must be empty, or not there yet", options.folder.string());
  }
  return Measurement(options, hooks).run();
}

}  // namespace saccade::photos
