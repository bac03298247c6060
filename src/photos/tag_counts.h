// How many photos have which tag. The database counts as tags change (schema.cc), so that asking
// takes no longer in a large library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "photos/sql.h"

namespace saccade::photos {

/// Fields whose values are where a photo was taken, as a list in SQL.
inline constexpr const char* kPlaceFields =
    "('place', 'location', 'context', 'scene', 'scene.place')";

struct ValueCount {
  std::string field;
  std::string key;    ///< as it is compared
  std::string value;  ///< as the first photo with it spells it
  std::int64_t photos = 0;
};

/// The fields of tags that are shown, a hundred at most.
std::vector<std::string> tag_fields(Connection& connection);
/// The values of any field that the most photos have, most first; those of more than 40 characters
/// are left out, being sentences.
std::vector<ValueCount> frequent_values(Connection& connection, std::size_t limit);
/// The same of places, of any length, each once in whichever of their fields it stands; `field` is
/// one of them.
std::vector<ValueCount> frequent_places(Connection& connection, std::size_t limit);

}  // namespace saccade::photos
