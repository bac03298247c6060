// What people do with tags and faces, and taking it back.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "photos/sql.h"

namespace saccade::photos {

struct Edit {
  enum class Kind {
    kAccept,    ///< `tags`
    kReject,    ///< `tags`
    kEdit,      ///< the one of `tags` becomes `value`
    kMerge,     ///< `tags` become one, `value`
    kAdd,       ///< `field`, `value`
    kReview,    ///< the photo is done with
    kUnreview,  ///< it is not
    kName,      ///< the face `region` is of the person `value`; empty: of nobody known
  };
  Kind kind = Kind::kAccept;
  std::int64_t photo = 0;
  std::vector<std::int64_t> tags = {};
  std::string field = {};
  std::string value = {};
  std::optional<std::int64_t> region = {};
};

/// "accept"; throws Error for another word.
Edit::Kind parse_edit_kind(const std::string& word);

struct Action {
  std::int64_t id = 0;
  std::int64_t photo = 0;
  std::string what;  ///< "accept of 2 tags"
};

/// Does it, and remembers how to take it back; what was undone cannot be redone after this. Throws
/// Error when the photo, a tag or a region is not there or the edit makes no sense.
Action apply_edit(Connection& connection, const Edit& edit, std::int64_t now);

/// Takes back the last action that was not taken back; none: there is nothing.
std::optional<Action> undo(Connection& connection);
/// Does the last action that was taken back again.
std::optional<Action> redo(Connection& connection);

}  // namespace saccade::photos
