// The tables of a photo library, and how older ones become today's.
#pragma once

#include <string>

#include "photos/sql.h"

namespace saccade::photos {

/// Runs the migrations that the database has not seen, inside the caller's transaction. Throws
/// Error when a newer version of Saccade made it; `where` names it.
void migrate(Connection& connection, const std::string& where);

}  // namespace saccade::photos
