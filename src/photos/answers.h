// What tiers found, in the database: results as they were said, and the tags made of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "photos/metadata.h"
#include "photos/sql.h"
#include "photos/vision/vision.h"

namespace saccade::photos {

struct StoredAnswer {
  std::int64_t photo = 0;
  std::string tier;
  std::string model;
  std::string prompt;                           ///< Tier::prompt_version()
  std::string document;                         ///< JSON
  std::optional<std::int64_t> from_photo = {};  ///< another one of its cluster that was asked
  double likeness = 1.0;                        ///< to that one: confidences are multiplied with it
};

/// Puts an answer in place of the tier's last one for this photo. Tags of that one that nobody has
/// touched go, and new ones come where no person has said otherwise: what was accepted, edited,
/// added, merged or rejected stays as it is. Photos that share this one's answer get the new one.
void store_answer(Connection& connection, const StoredAnswer& answer, std::int64_t now);

void store_metadata(Connection& connection, std::int64_t photo, const PhotoMetadata& metadata);

/// Puts what classical vision saw in place of what it saw before. Faces that a person has named,
/// where they still are, keep their names.
void store_findings(Connection& connection, std::int64_t photo, const std::string& tier,
                    const std::string& model, const VisionFindings& findings, std::int64_t now);

void store_embedding(Connection& connection, std::int64_t photo, const std::string& model,
                     const std::vector<float>& embedding);

/// Brings the photo's row of the full-text index up to date.
void index_photo(Connection& connection, std::int64_t photo);

}  // namespace saccade::photos
