#include "photos/edits.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "photos/answers.h"
#include "photos/revision.h"
#include "photos/row_changes.h"
#include "photos/tag_values.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxValueBytes = 400;

constexpr std::array<std::pair<std::string_view, Edit::Kind>, 8> kKinds = {{
    {"accept", Edit::Kind::kAccept},
    {"reject", Edit::Kind::kReject},
    {"edit", Edit::Kind::kEdit},
    {"merge", Edit::Kind::kMerge},
    {"add", Edit::Kind::kAdd},
    {"review", Edit::Kind::kReview},
    {"unreview", Edit::Kind::kUnreview},
    {"name", Edit::Kind::kName},
}};

std::string_view kind_name(Edit::Kind kind) {
  for (const auto& [name, known] : kKinds) {
    if (known == kind) return name;
  }
  return "";
}

/// A value that a person typed, trimmed.
std::string typed_value(const Edit& edit) {
  std::string value = edit.value;
  while (value.ends_with(' ')) value.pop_back();
  value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
  if (value.empty()) fail("{}: \"value\" is missing", kind_name(edit.kind));
  if (value.size() > kMaxValueBytes) {
    fail("{}: the value is longer than {} bytes", kind_name(edit.kind), kMaxValueBytes);
  }
  return value;
}

/// One edit of one photo in the making.
class Editor {
 public:
  Editor(Connection& connection, const Edit& edit, std::int64_t now)
      : connection_(connection), edit_(edit), now_(now), changes_(connection) {}

  /// What was done, in words.
  std::string apply() {
    switch (edit_.kind) {
      case Edit::Kind::kAccept:
        return decide("accepted");
      case Edit::Kind::kReject:
        return decide("rejected");
      case Edit::Kind::kEdit:
        return change_value();
      case Edit::Kind::kMerge:
        return merge();
      case Edit::Kind::kAdd:
        return add();
      case Edit::Kind::kReview:
        return review(true);
      case Edit::Kind::kUnreview:
        return review(false);
      case Edit::Kind::kName:
        return name_face();
    }
    return "";
  }
  json::array changes() { return changes_.finish(); }

 private:
  void need_tags(std::size_t least) {
    if (edit_.tags.size() < least) {
      fail("{}: it needs {} or more tags", kind_name(edit_.kind), least);
    }
    for (const std::int64_t tag : edit_.tags) {
      const bool exists = query_integer(connection_,
                                        "SELECT EXISTS (SELECT 1 FROM tags WHERE id = ?1 AND "
                                        "photo_id = ?2)",
                                        tag, edit_.photo) != 0;
      if (!exists) fail("{}: photo {} has no tag {}", kind_name(edit_.kind), edit_.photo, tag);
      changes_.note("tags", tag);
    }
  }

  std::string decide(const std::string& state) {
    need_tags(1);
    for (const std::int64_t tag : edit_.tags) {
      execute(connection_, "UPDATE tags SET state = ?2 WHERE id = ?1", tag, state);
    }
    return fmt::format("{} of {} tag{}", kind_name(edit_.kind), edit_.tags.size(),
                       edit_.tags.size() == 1 ? "" : "s");
  }

  /// Another tag of the same field with this value; 0: none.
  std::int64_t other_with(const std::string& field, const std::string& key, std::int64_t tag) {
    return query_integer(connection_,
                         "SELECT id FROM tags WHERE photo_id = ?1 AND field = ?2 AND key = ?3 AND "
                         "id <> ?4",
                         edit_.photo, field, key, tag);
  }

  std::string field_of(std::int64_t tag) {
    return query_text(connection_, "SELECT field FROM tags WHERE id = ?1", tag);
  }

  /// The tag says `value` from now on, by a person's word; what said the same already goes into it.
  void set_value(std::int64_t tag, const std::string& value) {
    const std::string key = tag_key(value);
    if (const std::int64_t same = other_with(field_of(tag), key, tag)) {
      changes_.note("tags", same);
      execute(connection_, "DELETE FROM tags WHERE id = ?1", same);
    }
    execute(connection_,
            "UPDATE tags SET original = COALESCE(original, value), original_key = "
            "COALESCE(original_key, key), value = ?2, key = ?3, state = 'edited' WHERE id = ?1",
            tag, value, key);
  }

  std::string change_value() {
    need_tags(1);
    if (edit_.tags.size() != 1) fail("edit: it takes one tag; merge takes several");
    const std::string value = typed_value(edit_);
    set_value(edit_.tags[0], value);
    return fmt::format("edit of a tag to \"{}\"", value);
  }

  std::string merge() {
    need_tags(2);
    const std::string value = typed_value(edit_);
    // The others first: one of them may have the value that the first one gets.
    for (std::size_t i = 1; i < edit_.tags.size(); ++i) {
      // A key of its own leaves the value's free; what it said is kept from coming back.
      execute(connection_,
              "UPDATE tags SET state = 'merged', original = COALESCE(original, value), "
              "original_key = COALESCE(original_key, key), key = key || char(10) || id WHERE id = "
              "?1",
              edit_.tags[i]);
    }
    set_value(edit_.tags[0], value);
    return fmt::format("merge of {} tags to \"{}\"", edit_.tags.size(), value);
  }

  std::string add() {
    if (edit_.field.empty()) fail("add: \"field\" is missing");
    if (edit_.field.size() > kMaxValueBytes) fail("add: the field's name is too long");
    const std::string value = typed_value(edit_);
    const std::string key = tag_key(value);
    if (const std::int64_t same = other_with(edit_.field, key, 0)) {
      changes_.note("tags", same);
      execute(connection_, "UPDATE tags SET state = 'accepted', value = ?2 WHERE id = ?1", same,
              value);
    } else {
      execute(connection_,
              "INSERT INTO tags (photo_id, field, value, key, state, tier, model, prompt, "
              "created_at) VALUES (?1, ?2, ?3, ?4, 'added', 'person', '', '', ?5)",
              edit_.photo, edit_.field, value, key, now_);
      changes_.note_new("tags", connection_.getLastInsertRowid());
    }
    return fmt::format("addition of \"{}\"", value);
  }

  std::string review(bool reviewed) {
    changes_.note("photos", edit_.photo);
    execute(connection_, "UPDATE photos SET reviewed_at = ?2 WHERE id = ?1", edit_.photo,
            reviewed ? std::optional(now_) : std::nullopt);
    return reviewed ? "review" : "taking back the review";
  }

  std::string name_face() {
    if (!edit_.region) fail("name: \"region\" is missing");
    const bool exists = query_integer(connection_,
                                      "SELECT EXISTS (SELECT 1 FROM regions WHERE id = ?1 AND "
                                      "photo_id = ?2 AND kind = 'face')",
                                      *edit_.region, edit_.photo) != 0;
    if (!exists) fail("name: photo {} has no face {}", edit_.photo, *edit_.region);
    changes_.note("regions", *edit_.region);
    if (edit_.value.empty()) {
      execute(connection_, "UPDATE regions SET person_id = NULL WHERE id = ?1", *edit_.region);
      return "taking a name off a face";
    }
    const std::string name = typed_value(edit_);
    execute(connection_, "INSERT OR IGNORE INTO people (name) VALUES (?1)", name);
    execute(connection_,
            "UPDATE regions SET person_id = (SELECT id FROM people WHERE name = ?2) WHERE id = ?1",
            *edit_.region, name);
    return fmt::format("naming a face \"{}\"", name);
  }

  Connection& connection_;
  const Edit& edit_;
  const std::int64_t now_;
  RowChanges changes_;
};

void changed(Connection& connection, std::int64_t photo) {
  index_photo(connection, photo);
  touch_photo(connection, photo);
}

/// Plays the action that `choice` selects back or again.
std::optional<Action> replay(Connection& connection, const std::string& choice, Side side) {
  auto row = sql(connection, "SELECT id, photo_id, what, changes FROM actions WHERE " + choice);
  if (!row.executeStep()) return std::nullopt;
  const Action action{.id = row.getColumn(0).getInt64(),
                      .photo = row.getColumn(1).getInt64(),
                      .what = row.getColumn(2).getString()};
  restore_rows(connection, parse_json(row.getColumn(3).getString(), "an action").as_array(), side);
  execute(connection, "UPDATE actions SET undone = ?2 WHERE id = ?1", action.id,
          side == Side::kBefore);
  changed(connection, action.photo);
  return action;
}

}  // namespace

Edit::Kind parse_edit_kind(const std::string& word) {
  for (const auto& [name, kind] : kKinds) {
    if (name == word) return kind;
  }
  fail("\"action\": {} is none of accept, reject, edit, merge, add, review, unreview, name", word);
}

Action apply_edit(Connection& connection, const Edit& edit, std::int64_t now) {
  if (query_integer(connection, "SELECT EXISTS (SELECT 1 FROM photos WHERE id = ?1)", edit.photo) ==
      0) {
    fail("there is no photo {}", edit.photo);
  }
  Editor editor(connection, edit, now);
  const std::string what = editor.apply();
  execute(connection, "DELETE FROM actions WHERE undone");
  execute(connection,
          "INSERT INTO actions (photo_id, created_at, what, changes) VALUES (?1, ?2, ?3, ?4)",
          edit.photo, now, what, json::serialize(editor.changes()));
  const std::int64_t id = connection.getLastInsertRowid();
  changed(connection, edit.photo);
  return {.id = id, .photo = edit.photo, .what = what};
}

std::optional<Action> undo(Connection& connection) {
  return replay(connection, "NOT undone ORDER BY id DESC LIMIT 1", Side::kBefore);
}

std::optional<Action> redo(Connection& connection) {
  return replay(connection, "undone ORDER BY id LIMIT 1", Side::kAfter);
}

}  // namespace saccade::photos
