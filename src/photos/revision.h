// What changed since somebody last looked.
#pragma once

#include <cstdint>

#include "photos/sql.h"

namespace saccade::photos {

/// Says that something about a photo changed: windows that show it look again.
void touch_photo(Connection& connection, std::int64_t photo);
/// The number of the last change.
std::int64_t current_revision(Connection& connection);

}  // namespace saccade::photos
