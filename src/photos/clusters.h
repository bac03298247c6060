// Photos of one scene: bursts and near duplicates, of which one answers for all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "photos/settings.h"
#include "photos/sql.h"

namespace saccade::photos {

/// Puts a photo, whose findings and embedding are stored, into the cluster of the photo most like
/// it, if any is like enough: taken within a burst's time of it with a like embedding, or with a
/// near embedding and perceptual hash and all that duplicates show (may_be_duplicates()); and in
/// neither case with other words in it. It is compared with photos for which the tier before the
/// first shared one is over. Photos without embeddings of the same model go without
/// that. Where the newcomer is clearly sharper and nobody has been asked yet, it becomes the
/// representative.
void join_cluster(Connection& connection, const Settings& settings, std::int64_t photo);

/// Whether another photo answers for this one.
bool is_member(Connection& connection, std::int64_t photo);
/// Members whose shared `tier` is blocked, behind this representative.
std::vector<std::int64_t> members_waiting_for(Connection& connection, std::int64_t photo,
                                              const std::string& tier);
/// Copies the representative's result of `tier` to a member, with where it is from, and its
/// confidence lowered by how unlike they are. False: it has none yet.
bool share_result(Connection& connection, std::int64_t member, const std::string& tier,
                  std::int64_t now);
/// Makes a member the representative if the one there is was set aside in `tier`, which it may have
/// been before the member came. False: it was not.
bool stand_in(Connection& connection, std::int64_t member, const std::string& tier);
/// A representative's `tier` was set aside: another member becomes representative. Returns the
/// members that have to look again.
std::vector<std::int64_t> replace_representative(Connection& connection, std::int64_t photo,
                                                 const std::string& tier);

}  // namespace saccade::photos
