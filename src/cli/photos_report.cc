#include "cli/photos_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "cli/numbers.h"
#include "cli/table.h"
#include "photos/deck_json.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;

std::string optional_duration(const std::optional<double>& ms) {
  return ms ? duration(*ms) : "-";
}

}  // namespace

std::string scan_text(const photos::ScanCounts& counts) {
  std::vector<std::string> parts = {
      fmt::format("{} {} added", thousands(counts.added), counts.added == 1 ? "photo" : "photos")};
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) parts.push_back(fmt::format("{} {}", thousands(count), what));
  };
  add(counts.known, "known");
  add(counts.same_photo, "more files of photos that are there");
  add(counts.broken, "broken");
  add(counts.skipped, "other files left out");
  add(counts.missing, "files gone");
  return fmt::format("{}\n", fmt::join(parts, ", "));
}

std::string progress_text(const photos::Progress& progress) {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add_row({"tier", "done", "shared", "waiting", "running", "failed", "set aside", "a minute",
                 "p50", "p95"});
  std::int64_t saved = 0;
  for (const photos::TierProgress& tier : progress.tiers) {
    saved += tier.shared;
    table.add_row({tier.title, thousands(tier.done), thousands(tier.shared),
                   thousands(tier.waiting + tier.blocked), thousands(tier.running),
                   thousands(tier.failed), thousands(tier.set_aside),
                   fmt::format("{:.1f}", tier.per_minute), optional_duration(tier.p50_ms),
                   optional_duration(tier.p95_ms)});
  }
  std::string text = fmt::format("{} photos, {} reviewed", thousands(progress.photos),
                                 thousands(progress.reviewed));
  if (progress.missing_files > 0) {
    text += fmt::format(", {} files missing", thousands(progress.missing_files));
  }
  text += "\n" + table.text();
  if (saved > 0) {
    text += fmt::format("{} scenes of several photos saved {} answers of models\n",
                        thousands(progress.clusters), thousands(saved));
  }
  return text;
}

std::string problems_text(const std::vector<photos::Problem>& problems) {
  std::string text;
  for (const photos::Problem& problem : problems) {
    const std::string photo = problem.photo ? fmt::format("photo {}, ", *problem.photo) : "";
    const std::string& name =
        problem.error.find(problem.path) == std::string::npos ? problem.path + ": " : std::string();
    text += fmt::format("{} ({}{}): {}{}\n", problem.state == "failed" ? "failed" : "set aside",
                        photo, problem.tier, name, problem.error);
  }
  return text;
}

json::value status_json(const photos::Progress& progress,
                        const std::vector<photos::Problem>& problems) {
  json::object status = photos::progress_json(progress);
  status["problems"] = photos::problems_json(problems).at("errors");
  return status;
}

std::string search_text(const std::vector<photos::PhotoSummary>& found,
                        const std::vector<std::string>& paths) {
  if (found.empty()) return "nothing found\n";
  std::string text;
  for (std::size_t i = 0; i < found.size(); ++i) {
    text += fmt::format("{}  {}{}\n", paths[i],
                        found[i].taken_at.empty() ? "" : found[i].taken_at.substr(0, 10) + "  ",
                        fmt::join(found[i].tags, ", "));
  }
  return text;
}

json::value search_json(const std::vector<photos::PhotoSummary>& found,
                        const std::vector<std::string>& paths) {
  json::array photos;
  for (std::size_t i = 0; i < found.size(); ++i) {
    json::array tags;
    for (const std::string& tag : found[i].tags) tags.push_back(json::value(tag));
    photos.push_back({{"photo", found[i].id},
                      {"path", paths[i]},
                      {"digest", found[i].digest},
                      {"taken", found[i].taken_at},
                      {"tags", std::move(tags)}});
  }
  return json::object{{"photos", std::move(photos)}};
}

}  // namespace saccade::cli
