#include "photos/row_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

/// What people change of a table. Of photos and regions that is not all: a tier may have worked on
/// the rest since.
std::vector<std::string> columns_of(const std::string& table) {
  if (table == "tags") {
    return {"photo_id", "field", "value",  "key",        "state",      "details",  "confidence",
            "tier",     "model", "prompt", "created_at", "from_photo", "original", "original_key"};
  }
  if (table == "regions") return {"person_id"};
  if (table == "photos") return {"reviewed_at"};
  fail("rows of {} are not kept", table);
}

json::value column_value(const SQLite::Column& column) {
  if (column.isNull()) return nullptr;
  if (column.isInteger()) return column.getInt64();
  if (column.isFloat()) return column.getDouble();
  return json::value(column.getString());
}

json::value read_row(Connection& connection, const std::string& table, std::int64_t id) {
  const auto columns = columns_of(table);
  auto row =
      sql(connection,
          fmt::format("SELECT {} FROM {} WHERE id = ?1", fmt::join(columns, ", "), table), id);
  if (!row.executeStep()) return nullptr;
  json::object values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    values[columns[i]] = column_value(row.getColumn(static_cast<int>(i)));
  }
  return values;
}

void bind_value(SQLite::Statement& statement, int index, const json::value& value) {
  if (value.is_null()) {
    statement.bind(index);
  } else if (value.is_int64()) {
    statement.bind(index, value.get_int64());
  } else if (value.is_uint64()) {
    statement.bind(index, static_cast<std::int64_t>(value.get_uint64()));
  } else if (value.is_double()) {
    statement.bind(index, value.get_double());
  } else {
    statement.bind(index, std::string(value.as_string()));
  }
}

void write_row(Connection& connection, const std::string& table, std::int64_t id,
               const json::object& values) {
  const auto columns = columns_of(table);
  const bool exists =
      query_integer(connection,
                    fmt::format("SELECT EXISTS (SELECT 1 FROM {} WHERE id = ?1)", table), id) != 0;
  if (!exists && table != "tags") return;  // a face that a new look at the picture did not find
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    parts.push_back(exists ? fmt::format("{} = ?{}", columns[i], i + 2)
                           : fmt::format("?{}", i + 2));
  }
  const std::string text =
      exists
          ? fmt::format("UPDATE OR REPLACE {} SET {} WHERE id = ?1", table, fmt::join(parts, ", "))
          : fmt::format("INSERT OR REPLACE INTO {} (id, {}) VALUES (?1, {})", table,
                        fmt::join(columns, ", "), fmt::join(parts, ", "));
  SQLite::Statement statement(connection, text);
  statement.bind(1, id);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    bind_value(statement, static_cast<int>(i) + 2, values.at(columns[i]));
  }
  statement.exec();
}

}  // namespace

void RowChanges::add(const std::string& table, std::int64_t id, json::value before) {
  changes_.push_back(json::object{
      {"table", table}, {"id", id}, {"before", std::move(before)}, {"after", nullptr}});
}

void RowChanges::note(const std::string& table, std::int64_t id) {
  add(table, id, read_row(connection_, table, id));
}

void RowChanges::note_new(const std::string& table, std::int64_t id) {
  add(table, id, nullptr);
}

json::array RowChanges::finish() {
  for (json::value& change : changes_) {
    json::object& fields = change.as_object();
    fields["after"] = read_row(connection_, std::string(fields.at("table").as_string()),
                               fields.at("id").to_number<std::int64_t>());
  }
  return std::move(changes_);
}

void restore_rows(Connection& connection, const json::array& changes, Side side) {
  const char* wanted = side == Side::kBefore ? "before" : "after";
  // Deleted first: two rows may want the same value of a unique column.
  for (const bool deleting : {true, false}) {
    for (const json::value& change : changes) {
      const json::object& fields = change.as_object();
      const std::string table(fields.at("table").as_string());
      const auto id = fields.at("id").to_number<std::int64_t>();
      const json::value& row = fields.at(wanted);
      if (row.is_null() && deleting) {
        execute(connection, fmt::format("DELETE FROM {} WHERE id = ?1", table), id);
      } else if (!row.is_null() && !deleting) {
        write_row(connection, table, id, row.as_object());
      }
    }
  }
}

}  // namespace saccade::photos
