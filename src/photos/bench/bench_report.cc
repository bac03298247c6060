#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "photos/bench/bench.h"
#include "photos/eval/bootstrap.h"
#include "photos/eval/page.h"
#include "photos/eval/plots.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string milliseconds(double ms) {
  return fmt::format("{:.0f} ms", ms);
}

std::string share_text(std::int64_t part, std::int64_t whole) {
  return fmt::format("{} of {} ({:.1f} %)", part, whole,
                     100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

BenchTable timing_table(const std::string& title, const std::vector<Timing>& timings) {
  BenchTable table{title, {"", "p50", "p95", "p99", "photos"}, {}};
  const bool targets = std::ranges::any_of(
      timings, [](const Timing& timing) { return timing.target_ms.has_value(); });
  if (targets) table.head.insert(table.head.end(), {"target of p95", ""});
  for (const Timing& timing : timings) {
    if (timing.ms.empty()) continue;
    const double p95 = timing.quantile(0.95);
    table.rows.push_back({timing.name, milliseconds(timing.quantile(0.5)), milliseconds(p95),
                          milliseconds(timing.quantile(0.99)), fmt::to_string(timing.ms.size())});
    if (timing.target_ms) {
      table.rows.back().push_back(milliseconds(*timing.target_ms));
      table.rows.back().push_back(p95 <= *timing.target_ms ? "met" : "missed");
    }
    table.rows.back().resize(table.head.size());
  }
  return table;
}

BenchTable totals_table(const PhotosBenchReport& report) {
  BenchTable table{"All at once", {"", "", "target", ""}, {}};
  const auto verdict = [](bool met) { return std::string(met ? "met" : "missed"); };
  if (report.rest > 0) {
    const auto rest = static_cast<double>(report.rest);
    table.rows.push_back({fmt::format("{} photos visible", report.rest),
                          fmt::format("{:.1f} s", report.added_seconds)});
    table.rows.push_back({"through the foreground tiers",
                          fmt::format("{:.2f} photos/s", report.photos_per_second()),
                          fmt::format("{:.1f} photos/s", kTargetPhotosPerSecond),
                          verdict(report.photos_per_second() >= kTargetPhotosPerSecond)});
    if (report.background_seconds > 0.0) {
      table.rows.push_back({"through the background tiers after that",
                            fmt::format("{:.2f} photos/s", rest / report.background_seconds)});
    }
  }
  const std::int64_t besides = report.peak_bytes - report.weight_bytes;
  table.rows.push_back({"memory besides the models' weights", mebibytes(besides),
                        mebibytes(kTargetMemoryBytes), verdict(besides <= kTargetMemoryBytes)});
  if (report.savable > 0) {
    table.rows.push_back({"model calls that bursts saved, of those they could",
                          share_text(report.calls_saved - report.wrong, report.savable),
                          fmt::format("{:.0f} %", 100.0 * kTargetSavedShare),
                          verdict(report.saved_share() >= kTargetSavedShare)});
  }
  if (report.calls_saved > 0) {
    table.rows.push_back({"answers from another scene, of those from other photos",
                          share_text(report.wrong, report.calls_saved),
                          fmt::format("{:.0f} %", 100.0 * kTargetWrongShare),
                          verdict(report.wrong_share() <= kTargetWrongShare)});
  }
  table.rows.push_back({"jobs that did not work", fmt::to_string(report.set_aside)});
  for (auto& row : table.rows) row.resize(table.head.size());
  return table;
}

json::array timings_json(const std::vector<Timing>& timings) {
  json::array list;
  for (const Timing& timing : timings) {
    json::object entry{{"name", timing.name},
                       {"photos", timing.ms.size()},
                       {"p50_ms", timing.quantile(0.5)},
                       {"p95_ms", timing.quantile(0.95)},
                       {"p99_ms", timing.quantile(0.99)},
                       {"target_ms", nullptr},
                       {"ms", json::array(timing.ms.begin(), timing.ms.end())}};
    if (timing.target_ms) entry["target_ms"] = *timing.target_ms;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string plot(const std::string& title, const std::vector<Timing>& timings) {
  std::vector<eval::PointRow> rows;
  for (const Timing& timing : timings) {
    if (timing.ms.empty()) continue;
    rows.push_back(
        {timing.name, rows.size(), timing.ms, timing.quantile(0.5), timing.quantile(0.95)});
  }
  return fmt::format("<h2>{}; lines at p50 and p95</h2>\n{}", eval::escaped_html(title),
                     eval::points_svg(title, rows));
}

constexpr const char* kArrivals = "After a photo has come to an idle machine";
constexpr const char* kWork = "Work of each tier";

}  // namespace

double Timing::quantile(double share) const {
  return eval::quantile(ms, share);
}

std::vector<BenchTable> photos_bench_tables(const PhotosBenchReport& report) {
  return {timing_table(kArrivals, report.arrivals), timing_table(kWork, report.work),
          totals_table(report)};
}

json::object photos_bench_json(const PhotosBenchReport& report) {
  return {{"photos", report.options.photos},
          {"width", report.options.width},
          {"height", report.options.height},
          {"seed", report.options.seed},
          {"arrivals", timings_json(report.arrivals)},
          {"work", timings_json(report.work)},
          {"rest",
           {{"photos", report.rest},
            {"added_seconds", report.added_seconds},
            {"foreground_seconds", report.foreground_seconds},
            {"background_seconds", report.background_seconds},
            {"photos_per_second", report.photos_per_second()},
            {"target_photos_per_second", kTargetPhotosPerSecond}}},
          {"clusters",
           {{"calls", report.calls},
            {"calls_saved", report.calls_saved},
            {"savable", report.savable},
            {"wrong", report.wrong},
            {"target_saved_share", kTargetSavedShare},
            {"target_wrong_share", kTargetWrongShare}}},
          {"memory",
           {{"peak_bytes", report.peak_bytes},
            {"weight_bytes", report.weight_bytes},
            {"target_besides_bytes", kTargetMemoryBytes}}},
          {"set_aside", report.set_aside}};
}

std::string photos_bench_html(const PhotosBenchReport& report) {
  std::string page = eval::page_head("Photos benchmark");
  page += fmt::format("<h1>{} photos of {}x{}</h1>\n", report.options.photos, report.options.width,
                      report.options.height);
  for (const BenchTable& table : photos_bench_tables(report)) {
    page += eval::table_html({table.title, table.head, table.rows});
  }
  page += plot(kArrivals, report.arrivals);
  page += plot(kWork, report.work);
  return page.append(eval::kPageEnd);
}

}  // namespace saccade::photos
