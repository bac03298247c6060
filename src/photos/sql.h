// Statements of SQLite with their values, and its errors as ours.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::photos {

/// An open database. Used by one thread at a time.
using Connection = SQLite::Database;

namespace sql_detail {

inline void bind(SQLite::Statement& statement, int index, std::int64_t value) {
  statement.bind(index, value);
}
inline void bind(SQLite::Statement& statement, int index, int value) {
  statement.bind(index, value);
}
inline void bind(SQLite::Statement& statement, int index, bool value) {
  statement.bind(index, value ? 1 : 0);
}
inline void bind(SQLite::Statement& statement, int index, double value) {
  statement.bind(index, value);
}
inline void bind(SQLite::Statement& statement, int index, const std::string& value) {
  statement.bind(index, value);
}
inline void bind(SQLite::Statement& statement, int index, std::string_view value) {
  statement.bind(index, std::string(value));
}
inline void bind(SQLite::Statement& statement, int index, const char* value) {
  statement.bind(index, value);
}
inline void bind(SQLite::Statement& statement, int index, std::nullopt_t /*null*/) {
  statement.bind(index);
}
/// A blob of numbers as they lie in memory.
inline void bind(SQLite::Statement& statement, int index, const std::vector<float>& values) {
  statement.bind(index, values.data(), static_cast<int>(values.size() * sizeof(float)));
}
inline void bind(SQLite::Statement& statement, int index, const std::vector<std::uint8_t>& bytes) {
  statement.bind(index, bytes.data(), static_cast<int>(bytes.size()));
}
template <typename Value>
void bind(SQLite::Statement& statement, int index, const std::optional<Value>& value) {
  if (value) {
    bind(statement, index, *value);
  } else {
    statement.bind(index);
  }
}

}  // namespace sql_detail

/// A statement whose ?1, ?2, ... are `values`; an empty optional is NULL.
template <typename... Values>
SQLite::Statement sql(const Connection& connection, const std::string& text,
                      const Values&... values) {
  SQLite::Statement statement(connection, text);
  int index = 0;
  (sql_detail::bind(statement, ++index, values), ...);
  return statement;
}

/// Runs a statement that gives no rows; returns how many rows it changed.
template <typename... Values>
int execute(const Connection& connection, const std::string& text, const Values&... values) {
  return sql(connection, text, values...).exec();
}

/// The first column of the first row, 0 without rows or when it is NULL.
template <typename... Values>
std::int64_t query_integer(const Connection& connection, const std::string& text,
                           const Values&... values) {
  auto statement = sql(connection, text, values...);
  return statement.executeStep() ? statement.getColumn(0).getInt64() : 0;
}

/// The same of a text; "" without rows.
template <typename... Values>
std::string query_text(const Connection& connection, const std::string& text,
                       const Values&... values) {
  auto statement = sql(connection, text, values...);
  return statement.executeStep() ? statement.getColumn(0).getString() : std::string();
}

inline std::optional<double> optional_number(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional(column.getDouble());
}
inline std::optional<std::int64_t> optional_integer(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional(column.getInt64());
}

}  // namespace saccade::photos
