#include "photos/revision.h"

namespace saccade::photos {

void touch_photo(Connection& connection, std::int64_t photo) {
  execute(connection, "UPDATE meta SET value = value + 1 WHERE key = 'revision'");
  execute(connection,
          "UPDATE photos SET revision = (SELECT value FROM meta WHERE key = 'revision') WHERE id = "
          "?1",
          photo);
}

std::int64_t current_revision(Connection& connection) {
  return query_integer(connection, "SELECT value FROM meta WHERE key = 'revision'");
}

}  // namespace saccade::photos
