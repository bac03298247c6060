#include "photos/progress.h"

#include <algorithm>

namespace saccade::photos {
namespace {

constexpr std::int64_t kRateWindowMs = 60'000;
constexpr int kDurations = 200;

void read_counts(Connection& connection, TierProgress& tier) {
  auto rows = sql(connection, "SELECT state, jobs FROM job_counts WHERE tier = ?1", tier.name);
  while (rows.executeStep()) {
    const std::string state = rows.getColumn(0).getString();
    const std::int64_t count = rows.getColumn(1).getInt64();
    if (state == "blocked") tier.blocked = count;
    if (state == "waiting") tier.waiting = count;
    if (state == "running") tier.running = count;
    if (state == "failed") tier.failed = count;
    if (state == "set_aside") tier.set_aside = count;
    if (state == "shared") tier.shared = count;
    if (state == "done") tier.done = count;
  }
}

void read_rate(Connection& connection, TierProgress& tier, std::int64_t now) {
  auto row = sql(connection,
                 "SELECT COUNT(*), MIN(changed_at) FROM jobs WHERE tier = ?1 AND state IN ('done', "
                 "'shared') AND changed_at > ?2",
                 tier.name, now - kRateWindowMs);
  row.executeStep();
  const std::int64_t count = row.getColumn(0).getInt64();
  if (count == 0) return;
  // What began within the window is not diluted by the time before it.
  const double span_ms = std::clamp(static_cast<double>(now - row.getColumn(1).getInt64()), 1'000.0,
                                    static_cast<double>(kRateWindowMs));
  tier.per_minute = static_cast<double>(count) * 60'000.0 / span_ms;
  const std::int64_t left = tier.blocked + tier.waiting + tier.running + tier.failed;
  if (left > 0) tier.eta_seconds = static_cast<double>(left) / tier.per_minute * 60.0;
}

void read_durations(Connection& connection, TierProgress& tier) {
  auto rows = sql(connection,
                  "SELECT duration_ms FROM jobs WHERE tier = ?1 AND state IN ('done', 'shared') "
                  "AND state = 'done' AND duration_ms IS NOT NULL ORDER BY changed_at DESC LIMIT "
                  "?2",
                  tier.name, kDurations);
  std::vector<double> durations;
  while (rows.executeStep()) durations.push_back(rows.getColumn(0).getDouble());
  if (durations.empty()) return;
  std::ranges::sort(durations);
  const auto percentile = [&](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(durations.size() - 1));
    return durations[index];
  };
  tier.p50_ms = percentile(0.50);
  tier.p95_ms = percentile(0.95);
  tier.p99_ms = percentile(0.99);
}

}  // namespace

Progress read_progress(Connection& connection, const Settings& settings, std::int64_t now) {
  Progress progress;
  for (const Tier& tier : settings.tiers) {
    TierProgress state{.name = tier.name, .title = tier.title};
    read_counts(connection, state);
    read_rate(connection, state, now);
    read_durations(connection, state);
    progress.tiers.push_back(std::move(state));
  }
  progress.photos = query_integer(connection, "SELECT COUNT(*) FROM photos");
  progress.reviewed =
      query_integer(connection, "SELECT COUNT(*) FROM photos WHERE reviewed_at IS NOT NULL");
  progress.clusters = query_integer(connection, "SELECT COUNT(*) FROM clusters");
  progress.errors = query_integer(connection,
                                  "SELECT (SELECT TOTAL(jobs) FROM job_counts WHERE state IN "
                                  "('failed', 'set_aside')) + (SELECT COUNT(*) FROM files WHERE "
                                  "error IS NOT NULL)");
  progress.missing_files =
      query_integer(connection, "SELECT COUNT(*) FROM files WHERE missing_since IS NOT NULL");
  return progress;
}

std::vector<Problem> read_problems(Connection& connection, std::int64_t limit) {
  std::vector<Problem> problems;
  auto rows = sql(connection,
                  "SELECT photo_id, COALESCE((SELECT MIN(path) FROM files WHERE photo_id = "
                  "photos.id), ''), name, tier, state, COALESCE(error, ''), attempts, CASE WHEN "
                  "state = 'failed' THEN not_before END FROM jobs JOIN photos ON photos.id = "
                  "photo_id WHERE tier IN (SELECT tier FROM job_counts) AND state IN ('failed', "
                  "'set_aside') UNION ALL SELECT NULL, path, path, 'import', 'unreadable', error, "
                  "1, NULL FROM files WHERE error IS NOT NULL LIMIT ?1",
                  limit);
  while (rows.executeStep()) {
    problems.push_back({.photo = optional_integer(rows.getColumn(0)),
                        .path = rows.getColumn(1).getString(),
                        .name = rows.getColumn(2).getString(),
                        .tier = rows.getColumn(3).getString(),
                        .state = rows.getColumn(4).getString(),
                        .error = rows.getColumn(5).getString(),
                        .attempts = rows.getColumn(6).getInt64(),
                        .next_try = optional_integer(rows.getColumn(7))});
  }
  return problems;
}

}  // namespace saccade::photos
