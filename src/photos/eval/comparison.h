// Whether one way of asking is better than another, by how much, and how sure that is.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "photos/eval/bootstrap.h"

namespace saccade::photos::eval {

/// What a photo adds to a score that is a ratio of sums: F1 over all photos (micro) is the sum of
/// 2 TP over that of 2 TP + FP + FN, a mean is the sum of points over that of ones.
struct Share {
  double part = 0.0;
  double whole = 0.0;
};

/// The parts' sum in percent of the wholes'; 100 where nothing was asked for and nothing given.
double percent(std::span<const Share> photos);

/// percent() with its interval.
Interval percent_interval(std::span<const Share> photos, const BootstrapOptions& options);

/// The shares of one variant; none: the photo could not be asked about.
using PhotoShares = std::vector<std::optional<Share>>;

enum class Decision { kReplace, kKeep, kTooFewPhotos };

/// A candidate against the baseline, on the photos that both have.
struct Duel {
  int photos = 0;
  int wins = 0;  ///< photos on which the candidate is better
  int ties = 0;
  int losses = 0;
  Interval difference;  ///< candidate's score less the baseline's, in points of a hundred
  std::vector<std::optional<double>> photo_differences;  ///< likewise, of each photo
  Decision decision = Decision::kKeep;
};

// With fewer photos the interval says little: whoever looks at three finds something.
inline constexpr int kMinPhotos = 10;

/// The rule: a candidate replaces the baseline only if the lower end of the difference's interval
/// is over `margin`, so that it is better by more than the margin and not by chance. Throws Error
/// when no photo has both.
Duel compare(const PhotoShares& baseline, const PhotoShares& candidate, double margin,
             const BootstrapOptions& options);

/// The decision and why, one sentence or two: "Keep A: ...". `score` says what is counted: "F1".
std::string decision_text(const Duel& duel, std::string_view baseline, std::string_view candidate,
                          std::string_view score, double margin, double confidence);

}  // namespace saccade::photos::eval
