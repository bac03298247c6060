// Which photos there are: filters, order, search, and what others look like one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "photos/sql.h"

namespace saccade::photos {

struct PhotoFilter {
  std::string text;    ///< words that are searched for
  std::string person;  ///< a name
  std::string field;   ///< with `value`: photos with this tag
  std::string value;
  std::string place;  ///< what some tag or text of a place field says
  std::string from;   ///< "2024-05-01": taken on this day or later
  std::string to;     ///< taken on this day or earlier
  std::optional<bool> reviewed;
  bool low_confidence = false;  ///< with a proposed tag under kLowConfidence
  std::string state;            ///< "failed" (or set aside) or "waiting": of any tier
  std::optional<std::int64_t> cluster;
};

enum class PhotoOrder { kTaken, kTakenLast, kAdded, kAddedLast, kRelevance };

inline constexpr double kLowConfidence = 0.5;

struct PhotoSummary {
  std::int64_t id = 0;
  std::string digest;
  std::string name;
  std::string taken_at;
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool reviewed = false;
  bool low_confidence = false;
  std::optional<std::int64_t> cluster;
  std::int64_t cluster_size = 0;
  std::vector<std::pair<std::string, std::string>> tiers;  ///< name, state
  std::vector<std::string> tags;                           ///< the first few
  double likeness = 0.0;                                   ///< of similar_photos()
};

std::int64_t count_photos(Connection& connection, const PhotoFilter& filter);
/// A stretch of the photos in order. kRelevance is best match first, for filters with a text.
std::vector<PhotoSummary> list_photos(Connection& connection, const PhotoFilter& filter,
                                      PhotoOrder order, std::int64_t offset, std::int64_t limit);
/// The photos most like one, best first: by their embeddings or, where there are none, by their
/// perceptual hashes.
std::vector<PhotoSummary> similar_photos(Connection& connection, std::int64_t photo,
                                         std::int64_t limit);

}  // namespace saccade::photos
