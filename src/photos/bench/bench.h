// How soon a library's photos are there and described, measured on one that is made for it.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace saccade::photos {

struct PhotosBenchOptions {
  std::filesystem::path folder;  ///< gets pictures/ and library/; empty or not there yet
  int photos = 1000;
  int width = 4000;  ///< of a photo, pixels
  int height = 3000;
  std::uint64_t seed = 1;
  int sample = 20;  ///< photos that come one by one; fewer where there are few photos
};

/// Milliseconds of something, one for each photo.
struct Timing {
  std::string name;
  std::vector<double> ms;
  std::optional<double> target_ms;  ///< the 95th percentile is to be below

  double quantile(double share) const;
};

struct PhotosBenchReport {
  PhotosBenchOptions options;
  /// From the arrival of a photo on an idle machine until it is visible, and until each tier is
  /// over for it.
  std::vector<Timing> arrivals;
  /// What each tier's work took, of all photos that it was done for.
  std::vector<Timing> work;

  std::int64_t rest = 0;            ///< photos that then came all at once
  double added_seconds = 0.0;       ///< until all of those were visible
  double foreground_seconds = 0.0;  ///< until the last tier that is not in the background was over
  double background_seconds = 0.0;  ///< from then until everything was

  std::int64_t set_aside = 0;    ///< jobs that did not work
  std::int64_t calls = 0;        ///< answers of tiers that a cluster shares, each of one call
  std::int64_t calls_saved = 0;  ///< photos that got another one's answer, the wrong ones included
  std::int64_t savable = 0;      ///< photos of bursts less one a burst: what could be saved
  std::int64_t wrong = 0;        ///< photos that got the answer of another scene

  std::int64_t peak_bytes = 0;    ///< largest resident set of the process
  std::int64_t weight_bytes = 0;  ///< the models' weights in it

  /// Of the calls that could be saved, those that were, rightly; 0 to 1.
  double saved_share() const {
    return savable > 0 ? static_cast<double>(calls_saved - wrong) / static_cast<double>(savable)
                       : 0.0;
  }
  /// Of the photos that got another one's answer, those that should not have; 0 to 1.
  double wrong_share() const {
    return calls_saved > 0 ? static_cast<double>(wrong) / static_cast<double>(calls_saved) : 0.0;
  }
  double photos_per_second() const {
    return foreground_seconds > 0 ? static_cast<double>(rest) / foreground_seconds : 0.0;
  }
};

/// Targets of the whole, on two cores with `glance` and photos of 12 megapixels.
inline constexpr double kTargetPhotosPerSecond = 1.5;
inline constexpr std::int64_t kTargetMemoryBytes = std::int64_t{500} << 20;
inline constexpr double kTargetSavedShare = 0.85;
inline constexpr double kTargetWrongShare = 0.01;

struct PhotosBenchHooks {
  std::function<void(const std::string&)> on_stage;  ///< what begins now
  std::function<void()> check;  ///< called often; throws to end the measurement
};

/// Makes the photos and a library with the default settings, and works on it to the end. Throws
/// Error: the folder holds something or cannot be written, or a model cannot be had.
PhotosBenchReport run_photos_bench(const PhotosBenchOptions& options,
                                   const PhotosBenchHooks& hooks);

boost::json::object photos_bench_json(const PhotosBenchReport& report);
/// A page for a browser: the tables, and every photo's way as points.
std::string photos_bench_html(const PhotosBenchReport& report);

/// The tables of both, as texts: a head and rows, the name first.
struct BenchTable {
  std::string title;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};
std::vector<BenchTable> photos_bench_tables(const PhotosBenchReport& report);

}  // namespace saccade::photos
