#include <fmt/format.h>

#include "photos/eval/report.h"

namespace saccade::photos::eval {
namespace {

std::string with_interval(const Interval& interval) {
  return fmt::format("{:.1f} ({:.1f} to {:.1f})", interval.estimate, interval.low, interval.high);
}

std::string milliseconds(double ms, bool any) {
  return any ? fmt::format("{:.0f} ms", ms) : "-";
}

std::string mebibytes(const std::optional<std::int64_t>& bytes) {
  constexpr double kMebibyte = 1 << 20;
  return bytes ? fmt::format("{:.0f} MiB", static_cast<double>(*bytes) / kMebibyte) : "-";
}

ReportTable variants_table(const Evaluation& evaluation) {
  ReportTable table{
      "Variants",
      {"", evaluation.score_name, "p50", "p95", "model", "peak", "no answer", "not asked"},
      {}};
  if (evaluation.judge.empty()) {
    table.head.insert(table.head.begin() + 2, {"precision", "recall"});
  }
  for (const VariantResult& variant : evaluation.variants) {
    const bool timed = !variant.latencies_ms.empty();
    std::vector<std::string> row = {variant.name, with_interval(variant.score)};
    if (evaluation.judge.empty()) {
      row.push_back(fmt::format("{:.1f}", 100.0 * variant.counts.precision()));
      row.push_back(fmt::format("{:.1f}", 100.0 * variant.counts.recall()));
    }
    row.insert(row.end(),
               {milliseconds(variant.p50_ms, timed), milliseconds(variant.p95_ms, timed),
                mebibytes(variant.memory_bytes), mebibytes(variant.peak_memory_bytes),
                fmt::format("{}", variant.failures), fmt::format("{}", variant.unavailable)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

ReportTable fields_table(const Evaluation& evaluation) {
  ReportTable table{"Fields", {"", "variant", "F1", "precision", "recall"}, {}};
  const std::vector<FieldResult>& first = evaluation.variants[0].fields;
  for (std::size_t field = 0; field < first.size(); ++field) {
    for (const VariantResult& variant : evaluation.variants) {
      const FieldResult& result = variant.fields[field];
      table.rows.push_back({result.path, variant.name, with_interval(result.f1),
                            fmt::format("{:.1f}", 100.0 * result.counts.precision()),
                            fmt::format("{:.1f}", 100.0 * result.counts.recall())});
    }
  }
  return table;
}

ReportTable rubric_table(const Evaluation& evaluation) {
  ReportTable table{"Rubric, 1 to 5", {""}, {}};
  for (const std::string_view part : kRubric) table.head.emplace_back(part);
  for (const VariantResult& variant : evaluation.variants) {
    std::vector<std::string>& row = table.rows.emplace_back();
    row.push_back(variant.name);
    for (const double points : variant.rubric.parts) row.push_back(fmt::format("{:.2f}", points));
  }
  return table;
}

ReportTable duels_table(const Evaluation& evaluation) {
  ReportTable table{
      "Against " + evaluation.variants[0].name, {"", "wins", "ties", "losses", "difference"}, {}};
  if (!evaluation.judge.empty()) table.head.emplace_back("same in both orders");
  for (const DuelResult& result : evaluation.duels) {
    const Duel& duel = result.duel;
    std::vector<std::string>& row = table.rows.emplace_back();
    row = {evaluation.variants[result.candidate].name, fmt::format("{}", duel.wins),
           fmt::format("{}", duel.ties), fmt::format("{}", duel.losses),
           fmt::format("{:+.1f} ({:+.1f} to {:+.1f})", duel.difference.estimate,
                       duel.difference.low, duel.difference.high)};
    if (evaluation.judge.empty()) continue;
    row.push_back(result.consistency ? fmt::format("{:.0f} %", 100.0 * *result.consistency) : "-");
  }
  return table;
}

}  // namespace

std::vector<ReportTable> report_tables(const Evaluation& evaluation) {
  std::vector<ReportTable> tables = {variants_table(evaluation)};
  tables.push_back(evaluation.judge.empty() ? fields_table(evaluation) : rubric_table(evaluation));
  if (!evaluation.duels.empty()) tables.push_back(duels_table(evaluation));
  return tables;
}

}  // namespace saccade::photos::eval
