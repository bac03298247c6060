#include "photos/clusters.h"

#include <algorithm>
#include <optional>

#include "photos/answers.h"
#include "photos/revision.h"
#include "photos/scene_evidence.h"

namespace saccade::photos {
namespace {

// Of sharpness, a logarithm: by this much the newcomer must be better to take over.
constexpr double kClearlySharper = 0.15;
// Hashes alone say less than embeddings do, so that bursts without these must be nearer.
constexpr int kBurstDistance = 10;

struct Candidate {
  std::int64_t photo = 0;
  std::optional<std::int64_t> cluster;
  double likeness = 0.0;   // 0 to 1
  bool duplicate = false;  // not of a burst: more must speak for it
};

/// Whether embeddings and hashes are alike enough; if so, how alike, in `candidate`.
bool is_alike(const ClusterSettings& settings, bool burst, int distance,
              std::optional<double> cosine, Candidate& candidate) {
  candidate.likeness = cosine ? std::clamp(*cosine, 0.0, 1.0) : 1.0 - distance / 64.0;
  if (burst && (cosine ? *cosine >= settings.burst_likeness : distance <= kBurstDistance)) {
    return true;
  }
  candidate.duplicate = true;
  return distance <= settings.duplicate_distance &&
         (!cosine || *cosine >= settings.duplicate_likeness);
}

/// The tier at whose end photos are compared: the one before the first that is shared.
const Tier& comparing_tier(const Settings& settings) {
  return *std::prev(std::ranges::find(settings.tiers, true, &Tier::shared));  // the import is first
}

std::optional<Candidate> most_alike(Connection& connection, const Settings& all,
                                    std::int64_t photo) {
  const ClusterSettings& settings = all.clusters;
  // Compared with photos that stand for themselves only, so that a chain of small changes does not
  // join what is far apart; and that have been compared themselves: the others will find this one.
  // Otherwise photos of a burst that came at once would join in pairs. Nor with those whose file
  // is none: they answer for nobody.
  auto others = sql(connection,
                    "WITH me AS (SELECT * FROM photos WHERE id = ?1) SELECT other.id, "
                    "other.cluster_id, hamming(other.perceptual_hash, me.perceptual_hash), CASE "
                    "WHEN other.embedding_model = me.embedding_model THEN dot(other.embedding, "
                    "me.embedding) END, other.taken_seconds IS NOT NULL AND me.taken_seconds IS "
                    "NOT NULL AND ABS(other.taken_seconds - me.taken_seconds) <= ?2 AND "
                    "other.camera IS me.camera AS burst FROM photos AS other, me LEFT JOIN "
                    "clusters ON clusters.id = other.cluster_id WHERE other.id <> me.id AND "
                    "(other.cluster_id IS NULL OR clusters.representative = other.id) AND (burst "
                    "OR hamming(other.perceptual_hash, me.perceptual_hash) <= ?3) AND EXISTS "
                    "(SELECT 1 FROM jobs WHERE photo_id = other.id AND tier = ?4 AND state IN "
                    "('done', 'set_aside')) AND NOT EXISTS (SELECT 1 FROM jobs WHERE photo_id = "
                    "other.id AND tier = ?5 AND state = 'set_aside')",
                    photo, settings.burst_seconds, settings.duplicate_distance,
                    comparing_tier(all).name, all.tiers[0].name);
  std::vector<Candidate> candidates;
  while (others.executeStep()) {
    if (others.getColumn(2).isNull()) continue;
    Candidate candidate{.photo = others.getColumn(0).getInt64(),
                        .cluster = optional_integer(others.getColumn(1))};
    if (is_alike(settings, others.getColumn(4).getInt() != 0, others.getColumn(2).getInt(),
                 optional_number(others.getColumn(3)), candidate)) {
      candidates.push_back(candidate);
    }
  }
  // The evidence takes longer to look at than most photos are worth, so the likeliest come first.
  std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::likeness);
  const auto best = std::ranges::find_if(candidates, [&](const Candidate& candidate) {
    return (!candidate.duplicate ||
            may_be_duplicates(connection, settings, photo, candidate.photo)) &&
           !say_different_things(connection, photo, candidate.photo);
  });
  return best == candidates.end() ? std::nullopt : std::optional(*best);
}

bool has_begun(Connection& connection, const Settings& settings, std::int64_t photo) {
  for (const Tier& tier : settings.tiers) {
    if (!tier.shared) continue;
    const std::string state = query_text(
        connection, "SELECT state FROM jobs WHERE photo_id = ?1 AND tier = ?2", photo, tier.name);
    if (state != "blocked" && state != "waiting") return true;
  }
  return false;
}

/// A representative that steps back waits for the one that replaces it.
void step_back(Connection& connection, const Settings& settings, std::int64_t photo) {
  for (const Tier& tier : settings.tiers) {
    if (!tier.shared) continue;
    execute(connection,
            "UPDATE jobs SET state = 'blocked' WHERE photo_id = ?1 AND tier = ?2 AND state = "
            "'waiting'",
            photo, tier.name);
  }
  touch_photo(connection, photo);
}

double sharpness_of(Connection& connection, std::int64_t photo) {
  auto row = sql(connection, "SELECT sharpness FROM photos WHERE id = ?1", photo);
  return row.executeStep() ? row.getColumn(0).getDouble() : 0.0;
}

}  // namespace

void join_cluster(Connection& connection, const Settings& settings, std::int64_t photo) {
  if (query_integer(connection, "SELECT cluster_id IS NOT NULL FROM photos WHERE id = ?1", photo) !=
      0) {
    return;  // described anew, but not moved
  }
  const auto found = most_alike(connection, settings, photo);
  if (!found) return;
  std::int64_t cluster = found->cluster.value_or(0);
  if (cluster == 0) {
    execute(connection, "INSERT INTO clusters (representative) VALUES (?1)", found->photo);
    cluster = connection.getLastInsertRowid();
    execute(connection, "UPDATE photos SET cluster_id = ?2, likeness = 1.0 WHERE id = ?1",
            found->photo, cluster);
  }
  execute(connection, "UPDATE photos SET cluster_id = ?2, likeness = ?3 WHERE id = ?1", photo,
          cluster, found->likeness);
  const bool takes_over =
      sharpness_of(connection, photo) > sharpness_of(connection, found->photo) + kClearlySharper &&
      !has_begun(connection, settings, found->photo);
  if (takes_over) {
    execute(connection, "UPDATE clusters SET representative = ?2 WHERE id = ?1", cluster, photo);
    execute(connection, "UPDATE photos SET likeness = ?2 WHERE id = ?1", found->photo,
            found->likeness);
    step_back(connection, settings, found->photo);
  }
  touch_photo(connection, photo);
  touch_photo(connection, found->photo);
}

bool is_member(Connection& connection, std::int64_t photo) {
  return query_integer(connection,
                       "SELECT representative <> ?1 FROM photos JOIN clusters ON clusters.id = "
                       "cluster_id WHERE photos.id = ?1",
                       photo) != 0;
}

std::vector<std::int64_t> members_waiting_for(Connection& connection, std::int64_t photo,
                                              const std::string& tier) {
  auto rows = sql(connection,
                  "SELECT photos.id FROM clusters JOIN photos ON photos.cluster_id = clusters.id "
                  "JOIN jobs ON jobs.photo_id = photos.id WHERE representative = ?1 AND photos.id "
                  "<> ?1 AND jobs.tier = ?2 AND jobs.state = 'blocked' ORDER BY photos.id",
                  photo, tier);
  std::vector<std::int64_t> members;
  while (rows.executeStep()) members.push_back(rows.getColumn(0).getInt64());
  return members;
}

bool share_result(Connection& connection, std::int64_t member, const std::string& tier,
                  std::int64_t now) {
  auto row = sql(connection,
                 "SELECT results.photo_id, model, prompt, document, COALESCE(photos.likeness, 1.0) "
                 "FROM photos JOIN clusters ON clusters.id = photos.cluster_id JOIN results ON "
                 "results.photo_id = representative JOIN jobs ON jobs.photo_id = representative "
                 "AND jobs.tier = results.tier WHERE photos.id = ?1 AND results.tier = ?2 AND "
                 "results.current AND jobs.state = 'done'",
                 member, tier);
  if (!row.executeStep()) return false;
  store_answer(connection,
               {.photo = member,
                .tier = tier,
                .model = row.getColumn(1).getString(),
                .prompt = row.getColumn(2).getString(),
                .document = row.getColumn(3).getString(),
                .from_photo = row.getColumn(0).getInt64(),
                .likeness = row.getColumn(4).getDouble()},
               now);
  execute(connection,
          "UPDATE jobs SET state = 'shared', changed_at = ?3, error = NULL, attempts = 0 WHERE "
          "photo_id = ?1 AND tier = ?2",
          member, tier, now);
  touch_photo(connection, member);
  return true;
}

bool stand_in(Connection& connection, std::int64_t member, const std::string& tier) {
  return execute(
             connection,
             "UPDATE clusters SET representative = ?1 WHERE id = (SELECT cluster_id FROM photos "
             "WHERE id = ?1) AND EXISTS (SELECT 1 FROM jobs WHERE photo_id = representative AND "
             "tier = ?2 AND state = 'set_aside')",
             member, tier) > 0;
}

std::vector<std::int64_t> replace_representative(Connection& connection, std::int64_t photo,
                                                 const std::string& tier) {
  std::vector<std::int64_t> members = members_waiting_for(connection, photo, tier);
  if (members.empty()) return members;
  execute(connection, "UPDATE clusters SET representative = ?2 WHERE representative = ?1", photo,
          members.front());
  return members;
}

}  // namespace saccade::photos
