#include "photos/jobs.h"

#include <algorithm>

#include "base/error.h"
#include "photos/clusters.h"
#include "photos/revision.h"

namespace saccade::photos {
namespace {

constexpr std::int64_t kFirstBackoffMs = 2'000;
constexpr std::int64_t kLongestBackoffMs = 600'000;
// Processes that died while they were at a photo, before it is suspected.
constexpr int kCrashes = 3;

void set_state(Connection& connection, std::int64_t photo, const std::string& tier,
               const std::string& state, std::int64_t now) {
  execute(connection,
          "UPDATE jobs SET state = ?3, changed_at = ?4 WHERE photo_id = ?1 AND tier = ?2", photo,
          tier, state, now);
  touch_photo(connection, photo);
}

std::string state_of(Connection& connection, std::int64_t photo, const std::string& tier) {
  return query_text(connection, "SELECT state FROM jobs WHERE photo_id = ?1 AND tier = ?2", photo,
                    tier);
}

bool is_over(const std::string& state) {
  return state == "done" || state == "shared" || state == "set_aside";
}

/// The end of a tier that did not work for a photo: others of its cluster must not wait for it.
void end_without_result(Connection& connection, const Settings& settings, const Job& job,
                        const std::string& error, std::int64_t now) {
  execute(connection,
          "UPDATE jobs SET state = 'set_aside', error = ?3, attempts = ?4, changed_at = ?5, "
          "escalate = 0 WHERE photo_id = ?1 AND tier = ?2",
          job.photo, job.tier, error, job.attempts + 1, now);
  touch_photo(connection, job.photo);
  for (const std::int64_t member : replace_representative(connection, job.photo, job.tier)) {
    advance_photo(connection, settings, member, now);
  }
  advance_photo(connection, settings, job.photo, now);
}

}  // namespace

void queue_photo(Connection& connection, const Settings& settings, std::int64_t photo,
                 std::int64_t now) {
  for (const Tier& tier : settings.tiers) {
    const bool first = &tier == settings.tiers.data();
    execute(connection,
            "INSERT INTO jobs (photo_id, tier, state, changed_at) VALUES (?1, ?2, ?3, ?4)", photo,
            tier.name, first ? "waiting" : "blocked", now);
  }
}

void queue_new_tiers(Connection& connection, const Settings& settings, std::int64_t now) {
  for (const Tier& tier : settings.tiers) {
    const int added = execute(connection,
                              "INSERT INTO jobs (photo_id, tier, state, changed_at) SELECT id, ?1, "
                              "'blocked', ?2 FROM photos WHERE NOT EXISTS (SELECT 1 FROM jobs "
                              "WHERE photo_id = photos.id AND tier = ?1)",
                              tier.name, now);
    if (added == 0) continue;
    auto photos = sql(connection, "SELECT photo_id FROM jobs WHERE tier = ?1 AND state = 'blocked'",
                      tier.name);
    while (photos.executeStep()) {
      advance_photo(connection, settings, photos.getColumn(0).getInt64(), now);
    }
  }
}

std::optional<Job> claim_job(Connection& connection, const std::string& tier, std::int64_t now,
                             bool suspects) {
  // A failed job whose time has come stands where it would have stood.
  auto next = sql(connection,
                  "UPDATE jobs SET state = 'running', changed_at = ?2 WHERE (photo_id, tier) IN "
                  "(SELECT photo_id, tier FROM jobs WHERE tier = ?1 AND state IN ('waiting', "
                  "'failed') AND not_before <= ?2 AND (crashes > 0) = ?3 ORDER BY priority DESC, "
                  "changed_at, photo_id LIMIT 1) RETURNING photo_id, attempts, escalate, alone, "
                  "priority",
                  tier, now, suspects);
  if (!next.executeStep()) return std::nullopt;
  Job job{.photo = next.getColumn(0).getInt64(),
          .tier = tier,
          .attempts = next.getColumn(1).getInt(),
          .escalate = next.getColumn(2).getInt() != 0,
          .alone = next.getColumn(3).getInt() != 0,
          .priority = next.getColumn(4).getInt(),
          .suspect = suspects};
  while (next.executeStep()) {
  }
  touch_photo(connection, job.photo);
  return job;
}

std::vector<std::string> tiers_with_suspects(Connection& connection, std::int64_t now) {
  auto rows = sql(connection,
                  "SELECT DISTINCT tier FROM jobs WHERE crashes > 0 AND state IN ('waiting', "
                  "'failed') AND not_before <= ?1",
                  now);
  std::vector<std::string> tiers;
  while (rows.executeStep()) tiers.push_back(rows.getColumn(0).getString());
  return tiers;
}

bool tier_is_busy(Connection& connection, const std::string& tier, std::int64_t now) {
  return query_integer(connection,
                       "SELECT EXISTS (SELECT 1 FROM jobs WHERE tier = ?1 AND (state = 'running' "
                       "OR (state IN ('waiting', 'failed') AND not_before <= ?2)))",
                       tier, now) != 0;
}

void finish_job(Connection& connection, const Settings& settings, const Job& job,
                double duration_ms, std::int64_t now) {
  execute(
      connection,
      "UPDATE jobs SET state = 'done', duration_ms = ?3, changed_at = ?4, error = NULL, "
      "attempts = 0, escalate = 0, priority = 0, alone = 0, crashes = 0 WHERE photo_id = ?1 AND "
      "tier = ?2",
      job.photo, job.tier, duration_ms, now);
  touch_photo(connection, job.photo);
  advance_photo(connection, settings, job.photo, now);
  if (!settings.tiers[settings.index_of(job.tier)].shared) return;
  for (const std::int64_t member : members_waiting_for(connection, job.photo, job.tier)) {
    advance_photo(connection, settings, member, now);
  }
}

void fail_job(Connection& connection, const Settings& settings, const Job& job,
              const std::string& error, bool permanent, std::int64_t now) {
  const Tier& tier = settings.tiers[settings.index_of(job.tier)];
  if (permanent || job.attempts + 1 >= tier.attempts) {
    end_without_result(connection, settings, job, error, now);
    return;
  }
  const std::int64_t wait =
      std::min(kFirstBackoffMs << std::min(job.attempts, 20), kLongestBackoffMs);
  execute(connection,
          "UPDATE jobs SET state = 'failed', error = ?3, attempts = attempts + 1, not_before = ?4, "
          "changed_at = ?5, crashes = 0 WHERE photo_id = ?1 AND tier = ?2",
          job.photo, job.tier, error, now + wait, now);
  touch_photo(connection, job.photo);
}

void return_job(Connection& connection, const Job& job, std::int64_t now) {
  set_state(connection, job.photo, job.tier, "waiting", now);
}

void escalate_job(Connection& connection, const Job& job, const std::string& why,
                  std::int64_t now) {
  execute(connection,
          "UPDATE jobs SET state = 'waiting', error = ?3, attempts = attempts + 1, escalate = 1, "
          "changed_at = ?4 WHERE photo_id = ?1 AND tier = ?2",
          job.photo, job.tier, why, now);
  touch_photo(connection, job.photo);
}

int recover_jobs(Connection& connection, const Settings& settings, std::int64_t now) {
  std::vector<Job> lost;
  auto running =
      sql(connection, "SELECT photo_id, tier, attempts, crashes FROM jobs WHERE state = 'running'");
  std::vector<int> crashes;
  while (running.executeStep()) {
    lost.push_back({.photo = running.getColumn(0).getInt64(),
                    .tier = running.getColumn(1).getString(),
                    .attempts = running.getColumn(2).getInt()});
    crashes.push_back(running.getColumn(3).getInt());
  }
  for (std::size_t i = 0; i < lost.size(); ++i) {
    const Job& job = lost[i];
    // Of several in hand one was it at most, however often that happens.
    const int now_known = lost.size() == 1 ? crashes[i] + 1 : std::max(crashes[i], 1);
    execute(connection,
            "UPDATE jobs SET crashes = ?3, error = 'the program ended while it was at this photo' "
            "WHERE photo_id = ?1 AND tier = ?2",
            job.photo, job.tier, now_known);
    if (now_known >= kCrashes && settings.find(job.tier) != nullptr) {
      end_without_result(connection, settings, job,
                         "the program ended each time while it was at this photo", now);
    } else {
      set_state(connection, job.photo, job.tier, "waiting", now);
    }
  }
  return static_cast<int>(lost.size());
}

int retry_jobs(Connection& connection, const Settings& settings, std::int64_t photo,
               const std::string& tier, std::int64_t now) {
  const bool one = photo != 0 && !tier.empty();
  std::vector<std::pair<std::int64_t, std::string>> chosen;
  auto jobs = sql(connection,
                  "SELECT photo_id, tier FROM jobs WHERE (?1 = 0 OR photo_id = ?1) AND (?2 = '' OR "
                  "tier = ?2) AND (state IN ('failed', 'set_aside') OR (?3 AND state IN ('done', "
                  "'shared')))",
                  photo, tier, one);
  while (jobs.executeStep()) {
    chosen.emplace_back(jobs.getColumn(0).getInt64(), jobs.getColumn(1).getString());
  }
  for (const auto& [id, name] : chosen) {
    if (settings.find(name) == nullptr) continue;
    execute(connection,
            "UPDATE jobs SET attempts = 0, escalate = 0, not_before = 0, error = NULL, crashes = "
            "MIN(crashes, 1), priority = MAX(priority, ?3) WHERE photo_id = ?1 AND tier = ?2",
            id, name, one ? kOpenedPriority : 0);
    set_state(connection, id, name, "waiting", now);
  }
  return static_cast<int>(chosen.size());
}

void run_alone(Connection& connection, const std::string& tier, std::int64_t photo,
               std::int64_t now) {
  const std::string state = state_of(connection, photo, tier);
  if (state.empty()) fail("photo {} has no tier {}", photo, tier);
  if (state == "running") return;
  execute(connection,
          "UPDATE jobs SET alone = 1, attempts = 0, not_before = 0, error = NULL, priority = ?3 "
          "WHERE photo_id = ?1 AND tier = ?2",
          photo, tier, kOpenedPriority);
  set_state(connection, photo, tier, "waiting", now);
}

int retry_outdated(Connection& connection, const Settings& settings, std::int64_t now) {
  int count = 0;
  for (const Tier& tier : settings.tiers) {
    if (tier.kind != Tier::Kind::kVlm) continue;
    auto outdated = sql(connection,
                        "SELECT results.photo_id FROM results JOIN jobs USING (photo_id, tier) "
                        "WHERE results.current AND tier = ?1 AND jobs.state = 'done' AND "
                        "results.prompt <> ?2",
                        tier.name, tier.prompt_version());
    std::vector<std::int64_t> photos;
    while (outdated.executeStep()) photos.push_back(outdated.getColumn(0).getInt64());
    for (const std::int64_t photo : photos) {
      set_state(connection, photo, tier.name, "waiting", now);
    }
    count += static_cast<int>(photos.size());
  }
  return count;
}

void raise_priority(Connection& connection, std::int64_t photo, int priority, std::int64_t now) {
  const int changed = execute(connection,
                              "UPDATE jobs SET priority = ?2, not_before = MIN(not_before, ?3) "
                              "WHERE photo_id = ?1 AND priority < ?2 AND state IN ('blocked', "
                              "'waiting', 'failed')",
                              photo, priority, now);
  if (changed > 0) touch_photo(connection, photo);
}

void advance_photo(Connection& connection, const Settings& settings, std::int64_t photo,
                   std::int64_t now) {
  for (std::size_t i = 0; i < settings.tiers.size(); ++i) {
    const Tier& tier = settings.tiers[i];
    const std::string state = state_of(connection, photo, tier.name);
    if (state == "blocked" && i > 0) {
      if (tier.shared && is_member(connection, photo)) {
        if (share_result(connection, photo, tier.name, now)) continue;
        if (!stand_in(connection, photo, tier.name)) return;  // waits for its cluster's
      }
      set_state(connection, photo, tier.name, "waiting", now);
      return;
    }
    const bool imported = i > 0 || state != "set_aside";
    if (!is_over(state) || !imported) return;
  }
}

}  // namespace saccade::photos
