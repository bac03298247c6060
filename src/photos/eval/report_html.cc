#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "photos/eval/page.h"
#include "photos/eval/plots.h"
#include "photos/eval/report.h"

namespace saccade::photos::eval {
namespace {

using Out = std::back_insert_iterator<std::string>;

// Photos that are listed one by one; the JSON report has all.
constexpr std::size_t kMaxListed = 500;

constexpr std::size_t kColours = 6;

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
  std::string page = page_head("Evaluation");
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
  for (const ReportTable& table : report_tables(evaluation)) page += table_html(table);
  add_plots(out, evaluation);
  add_photos(out, evaluation);
  return page.append(kPageEnd);
}

}  // namespace saccade::photos::eval
