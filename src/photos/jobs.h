// The queue: for each photo and tier a state machine, whose every transition is one transaction.
//
//   blocked -> waiting -> running -> done
//                 ^          |-----> failed    (will be tried again; counts as waiting from then
//                 on) |          `-----> set_aside (will not, unless somebody asks)
//                 `--- what ran when its process died, from then on alone
//   blocked -> shared: another photo of the cluster answered for it
//
// A tier is over when it is done, set aside or shared; then the next one may begin. A photo that
// cannot be imported stays before all others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "photos/settings.h"
#include "photos/sql.h"

namespace saccade::photos {

struct Job {
  std::int64_t photo = 0;
  std::string tier;
  int attempts = 0;       ///< before this one
  bool escalate = false;  ///< the tier's larger model is to be asked
  bool alone = false;     ///< a person asked for this photo's own result
  int priority = 0;
  bool suspect = false;  ///< the program ended while it was at this photo: nothing else may run
};

/// Priority of a photo that somebody looks at.
inline constexpr int kOpenedPriority = 100;

/// Queues all tiers of a new photo: the first waits, the others are blocked.
void queue_photo(Connection& connection, const Settings& settings, std::int64_t photo,
                 std::int64_t now);
/// Adds jobs for tiers that the settings have and older photos do not.
void queue_new_tiers(Connection& connection, const Settings& settings, std::int64_t now);

/// Takes the next job of a tier: by priority, then by age; none: nothing is ready. `suspects`: of
/// those alone that the program ended at, which others leave.
std::optional<Job> claim_job(Connection& connection, const std::string& tier, std::int64_t now,
                             bool suspects = false);
/// The tiers that have a suspect which could begin now.
std::vector<std::string> tiers_with_suspects(Connection& connection, std::int64_t now);
/// Whether a tier has work that could begin now, or runs.
bool tier_is_busy(Connection& connection, const std::string& tier, std::int64_t now);

/// The job's result is stored. Unblocks what waits for it, and shares with the cluster.
void finish_job(Connection& connection, const Settings& settings, const Job& job,
                double duration_ms, std::int64_t now);
/// It did not work this time: it is tried again after a while that doubles with each attempt, or
/// set aside after the last. `permanent`: at once.
void fail_job(Connection& connection, const Settings& settings, const Job& job,
              const std::string& error, bool permanent, std::int64_t now);
/// It could not even be tried, such as for a disk that is full or a program that ends: it waits on
/// as before.
void return_job(Connection& connection, const Job& job, std::int64_t now);
/// Asks the tier's larger model next.
void escalate_job(Connection& connection, const Job& job, const std::string& why, std::int64_t now);

/// What was running in a process that died waits again. Any of it may be what killed: all are
/// suspects, which from then on run one by one, with nothing else beside them, until they are over.
/// So the next time it is known which one it was. What was at it alone, or alone and before that
/// among others, three times in all, is set aside. Returns how many there were. For a process that
/// has the library's lock.
int recover_jobs(Connection& connection, const Settings& settings, std::int64_t now);

/// Has a photo's tier, or with an empty `tier` all that did not work, done again. Returns how many
/// jobs that are. A `photo` of 0 means all.
int retry_jobs(Connection& connection, const Settings& settings, std::int64_t photo,
               const std::string& tier, std::int64_t now);
/// Has a photo that another one answered for, or that has an answer, described by itself.
void run_alone(Connection& connection, const std::string& tier, std::int64_t photo,
               std::int64_t now);
/// Has all photos whose result an older prompt, schema or model gave described anew. Returns how
/// many.
int retry_outdated(Connection& connection, const Settings& settings, std::int64_t now);

/// Puts a photo's jobs before others'.
void raise_priority(Connection& connection, std::int64_t photo, int priority, std::int64_t now);

/// Begins the first of the photo's tiers that is blocked and may begin; shares what its cluster
/// has.
void advance_photo(Connection& connection, const Settings& settings, std::int64_t photo,
                   std::int64_t now);

}  // namespace saccade::photos
