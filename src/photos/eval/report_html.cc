#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "photos/eval/plots.h"
#include "photos/eval/report.h"

namespace saccade::photos::eval {
namespace {

using Out = std::back_insert_iterator<std::string>;

// Photos that are listed one by one; the JSON report has all.
constexpr std::size_t kMaxListed = 500;

// Colours of Okabe and Ito, which colour-blind people can tell apart; the page's policy forbids
// every request, whatever an answer smuggles in.
constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Evaluation</title>
<style>
:root { --text: #1b1f24; --soft: #59636e; --page: #fff; --raised: #f4f6f8; --line: #d5dbe1;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #a3467f; --s4: #8a6d00; --s5: #4a8fb8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8ebee; --soft: #a2abb5; --page: #15181c; --raised: #20252b; --line: #3a424b;
    --s0: #56b4e9; --s1: #f08a3c; --s2: #2fc79b; --s3: #d98abb; --s4: #e0c040; --s5: #9cc7de; } }
body { color: var(--text); background: var(--page); font: 16px/1.5 system-ui, sans-serif;
  max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.decision { font-size: 1.15rem; padding: .8rem 1rem; background: var(--raised);
  border-left: .3rem solid var(--s0); }
.soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { fill: var(--text); font-size: 12px; }
.grid { stroke: var(--line); } .whisker { stroke: var(--text); stroke-width: 1.5; }
rect.s0, circle.s0 { fill: var(--s0); } rect.s1, circle.s1 { fill: var(--s1); }
rect.s2, circle.s2 { fill: var(--s2); } rect.s3, circle.s3 { fill: var(--s3); }
rect.s4, circle.s4 { fill: var(--s4); } rect.s5, circle.s5 { fill: var(--s5); }
circle { fill-opacity: .45; } .win { fill: var(--s2); } .loss { fill: var(--s1); }
.tie { fill: var(--soft); }
.key { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; }
i.s0 { background: var(--s0); } i.s1 { background: var(--s1); } i.s2 { background: var(--s2); }
i.s3 { background: var(--s3); } i.s4 { background: var(--s4); } i.s5 { background: var(--s5); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); padding: .5rem;
  margin: .3rem 0; font-size: .85rem; }
</style>
</head>
<body>
)";

constexpr std::size_t kColours = 6;

void add_table(Out out, const ReportTable& table) {
  fmt::format_to(out, "<h2>{}</h2>\n<div class=\"scroll\"><table>\n<tr>",
                 escaped_html(table.title));
  for (const std::string& cell : table.head) {
    fmt::format_to(out, "<th scope=\"col\">{}</th>", escaped_html(cell));
  }
  fmt::format_to(out, "</tr>\n");
  for (const auto& row : table.rows) {
    fmt::format_to(out, "<tr>");
    for (const std::string& cell : row) fmt::format_to(out, "<td>{}</td>", escaped_html(cell));
    fmt::format_to(out, "</tr>\n");
  }
  fmt::format_to(out, "</table></div>\n");
}

void add_legend(Out out, const Evaluation& evaluation) {
  fmt::format_to(out, "<ul class=\"legend\">");
  for (std::size_t v = 0; v < evaluation.variants.size(); ++v) {
    fmt::format_to(out, "<li><i class=\"key s{}\"></i>{}</li>", v % kColours,
                   escaped_html(evaluation.variants[v].name));
  }
  fmt::format_to(out, "</ul>\n");
}

/// The score as a whole and, with labels, of each field.
std::vector<BarGroup> score_bars(const Evaluation& evaluation) {
  const auto& variants = evaluation.variants;
  const auto group = [&](const std::string& name, const auto& value_of) {
    BarGroup bars{name, {}};
    for (std::size_t v = 0; v < variants.size(); ++v) {
      bars.bars.push_back({variants[v].name + ", " + name, v % kColours, value_of(variants[v])});
    }
    return bars;
  };
  std::vector<BarGroup> groups = {
      group("all", [](const VariantResult& variant) { return variant.score; })};
  for (std::size_t field = 0; field < variants[0].fields.size(); ++field) {
    groups.push_back(group(variants[0].fields[field].path,
                           [&](const VariantResult& variant) { return variant.fields[field].f1; }));
  }
  return groups;
}

/// Differences of the photos that were compared, largest first.
std::vector<Column> difference_columns(const Evaluation& evaluation, const Duel& duel) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < duel.photo_differences.size(); ++i) {
    if (duel.photo_differences[i]) {
      columns.push_back({evaluation.photos[i], *duel.photo_differences[i]});
    }
  }
  std::ranges::stable_sort(columns, std::greater<>(), &Column::value);
  return columns;
}

void add_plots(Out out, const Evaluation& evaluation) {
  fmt::format_to(out, "<h2>{} in percent, with {:.0f} % intervals</h2>\n",
                 escaped_html(evaluation.score_name), 100.0 * evaluation.confidence);
  add_legend(out, evaluation);
  const std::string svg = bars_svg(evaluation.score_name, score_bars(evaluation));
  fmt::format_to(out, "{}", svg);
  for (const DuelResult& result : evaluation.duels) {
    const std::string title =
        fmt::format("{} less {}, photo by photo", evaluation.variants[result.candidate].name,
                    evaluation.variants[0].name);
    fmt::format_to(out, "<h2>{}</h2>\n<p>{}</p>\n{}", escaped_html(title),
                   escaped_html(result.decision),
                   columns_svg(title, difference_columns(evaluation, result.duel)));
  }
  std::vector<PointRow> rows;
  for (std::size_t v = 0; v < evaluation.variants.size(); ++v) {
    const VariantResult& variant = evaluation.variants[v];
    rows.push_back(
        {variant.name, v % kColours, variant.latencies_ms, variant.p50_ms, variant.p95_ms});
  }
  fmt::format_to(out, "<h2>Latency of an answer; lines at p50 and p95</h2>\n{}",
                 points_svg("Latency", rows));
}

void add_photo(Out out, const Evaluation& evaluation, std::size_t photo) {
  fmt::format_to(out, "<details><summary>{}", escaped_html(evaluation.photos[photo]));
  for (const VariantResult& variant : evaluation.variants) {
    const auto& score = variant.photo_scores[photo];
    fmt::format_to(out, " <span class=\"soft\">{} {}</span>", escaped_html(variant.name),
                   score ? fmt::format("{:.0f}", *score) : "-");
  }
  fmt::format_to(out, "</summary>\n");
  for (const VariantResult& variant : evaluation.variants) {
    const Answered& answered = variant.answers[photo];
    fmt::format_to(out, "<p>{}{}{}</p><pre>{}</pre>\n", escaped_html(variant.name),
                   answered.error.empty() ? "" : ": ", escaped_html(answered.error),
                   escaped_html(answered.text));
  }
  fmt::format_to(out, "</details>\n");
}

void add_photos(Out out, const Evaluation& evaluation) {
  fmt::format_to(out, "<h2>Photos</h2>\n");
  const std::size_t listed = std::min(evaluation.photos.size(), kMaxListed);
  for (std::size_t i = 0; i < listed; ++i) add_photo(out, evaluation, i);
  if (listed < evaluation.photos.size()) {
    fmt::format_to(out, "<p class=\"soft\">And {} more, which the JSON report has.</p>\n",
                   evaluation.photos.size() - listed);
  }
}

}  // namespace

std::string report_html(const Evaluation& evaluation) {
  std::string page(kHead);
  const Out out(page);
  fmt::format_to(out, "<h1>Evaluation on {} photos</h1>\n<p class=\"decision\">{}</p>\n",
                 evaluation.photos.size(), escaped_html(evaluation.decision));
  fmt::format_to(out,
                 "<p class=\"soft\">{}. The rule: a candidate replaces {} only if the lower end of "
                 "the {:.0f} % interval of its difference is over {:.1f} points.</p>\n",
                 evaluation.judge.empty() ? "Scored against labels"
                                          : "Judged by " + escaped_html(evaluation.judge),
                 escaped_html(evaluation.variants[0].name), 100.0 * evaluation.confidence,
                 evaluation.margin);
  for (const std::string& note : evaluation.notes) {
    fmt::format_to(out, "<p>{}</p>\n", escaped_html(note));
  }
  for (const ReportTable& table : report_tables(evaluation)) add_table(out, table);
  add_plots(out, evaluation);
  add_photos(out, evaluation);
  return page + "</body>\n</html>\n";
}

}  // namespace saccade::photos::eval
