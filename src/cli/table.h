// Aligned tables.
#pragma once

#include <string>
#include <vector>

namespace saccade::cli {

enum class Align { kLeft, kRight };

/// Rows of cells, printed with each column as wide as its widest cell.
class Table {
 public:
  /// One entry for each column.
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

  /// Missing cells at the end are empty.
  void add_row(std::vector<std::string> cells);
  /// The lines, each with its line break and no spaces at its end.
  std::string text() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace saccade::cli
