// Rows before and after a change, so that it can be taken back.
#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <string>

#include "photos/sql.h"

namespace saccade::photos {

/// Collects what happens to rows: note(...) before each row is touched, finish() after all are.
class RowChanges {
 public:
  explicit RowChanges(Connection& connection) : connection_(connection) {}

  /// A row of "tags", "regions" or "photos" is about to change, or to be deleted.
  void note(const std::string& table, std::int64_t id);
  /// A row has been added.
  void note_new(const std::string& table, std::int64_t id);
  /// [{"table", "id", "before", "after"}, ...]; null where there is no such row.
  boost::json::array finish();

 private:
  void add(const std::string& table, std::int64_t id, boost::json::value before);

  Connection& connection_;
  boost::json::array changes_;
};

enum class Side { kBefore, kAfter };

/// Makes rows what they were before, or after, the changes.
void restore_rows(Connection& connection, const boost::json::array& changes, Side side);

}  // namespace saccade::photos
