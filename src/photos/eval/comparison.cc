#include "photos/eval/comparison.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace saccade::photos::eval {
namespace {

// Sums of shares in another order differ by less.
constexpr double kSame = 1e-9;

void add(Share& sum, const Share& share) {
  sum.part += share.part;
  sum.whole += share.whole;
}

double percent(const Share& sum) {
  return sum.whole == 0.0 ? 100.0 : 100.0 * sum.part / sum.whole;
}

/// A difference in words.
std::string points_text(double difference) {
  constexpr double kShown = 0.05;  // what is less reads 0.0
  if (std::abs(difference) < kShown) return "the same";
  return fmt::format("{:.1f} points {}", std::abs(difference),
                     difference < 0.0 ? "lower" : "higher");
}

double percent_at(std::span<const Share> photos, std::span<const std::size_t> indices) {
  Share sum;
  for (const std::size_t i : indices) add(sum, photos[i]);
  return percent(sum);
}

}  // namespace

double percent(std::span<const Share> photos) {
  Share sum;
  for (const Share& share : photos) add(sum, share);
  return percent(sum);
}

Interval percent_interval(std::span<const Share> photos, const BootstrapOptions& options) {
  return bootstrap(
      photos.size(),
      [&](std::span<const std::size_t> sample) { return percent_at(photos, sample); }, options);
}

Duel compare(const PhotoShares& baseline, const PhotoShares& candidate, double margin,
             const BootstrapOptions& options) {
  Duel duel;
  std::vector<Share> ours;
  std::vector<Share> theirs;
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    duel.photo_differences.emplace_back();
    if (!baseline[i] || !candidate[i]) continue;
    ours.push_back(*baseline[i]);
    theirs.push_back(*candidate[i]);
    const double difference = percent(theirs.back()) - percent(ours.back());
    duel.photo_differences.back() = difference;
    ++(std::abs(difference) < kSame ? duel.ties : difference > 0.0 ? duel.wins : duel.losses);
  }
  duel.photos = static_cast<int>(ours.size());
  if (ours.empty()) fail("evaluation: no photo has an answer of both that are compared");
  duel.difference = bootstrap(
      ours.size(),
      [&](std::span<const std::size_t> sample) {
        return percent_at(theirs, sample) - percent_at(ours, sample);
      },
      options);
  if (duel.photos < kMinPhotos) {
    duel.decision = Decision::kTooFewPhotos;
  } else if (duel.difference.low > margin) {
    duel.decision = Decision::kReplace;
  }
  return duel;
}

std::string decision_text(const Duel& duel, std::string_view baseline, std::string_view candidate,
                          std::string_view score, double margin, double confidence) {
  const Interval& difference = duel.difference;
  const std::string found = fmt::format("the {} of {} is {} ({:.0f} % interval {:+.1f} to {:+.1f})",
                                        score, candidate, points_text(difference.estimate),
                                        100.0 * confidence, difference.low, difference.high);
  if (duel.decision == Decision::kReplace) {
    return fmt::format(
        "Replace {} by {}: {}, and even the interval's lower end is over the margin of {:.1f}.",
        baseline, candidate, found, margin);
  }
  if (duel.decision == Decision::kTooFewPhotos) {
    return fmt::format("Keep {} for now: {}, but {} photo{} cannot decide; wanted {} or more.",
                       baseline, found, duel.photos, duel.photos == 1 ? "" : "s", kMinPhotos);
  }
  if (difference.estimate > margin) {
    return fmt::format(
        "Keep {}: {}, and the interval's lower end is not over the margin of {:.1f}. More photos "
        "may "
        "decide it.",
        baseline, found, margin);
  }
  return fmt::format("Keep {}: {}, which is not more than the margin of {:.1f}.", baseline, found,
                     margin);
}

}  // namespace saccade::photos::eval
