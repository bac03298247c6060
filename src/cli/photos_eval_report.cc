#include "cli/photos_eval_report.h"

#include "cli/table.h"
#include "cli/text_lines.h"
#include "photos/eval/report.h"

namespace saccade::cli {
namespace {

std::string table_text(const photos::eval::ReportTable& report) {
  std::vector<Align> columns(report.head.size(), Align::kRight);
  columns.front() = Align::kLeft;
  Table table(columns);
  table.add_row(report.head);
  for (const auto& row : report.rows) table.add_row(row);
  return one_line(report.title) + "\n" + table.text() + "\n";
}

}  // namespace

std::string evaluation_text(const photos::eval::Evaluation& evaluation) {
  std::string text;
  for (const auto& table : photos::eval::report_tables(evaluation)) text += table_text(table);
  for (const std::string& note : evaluation.notes) text += one_line(note) + "\n";
  return text + one_line(evaluation.decision) + "\n";
}

}  // namespace saccade::cli
