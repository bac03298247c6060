#include "photos/eval/page.h"

#include <fmt/format.h>

#include <iterator>

#include "photos/eval/plots.h"

namespace saccade::photos::eval {
namespace {

using Out = std::back_insert_iterator<std::string>;

// Colours of Okabe and Ito, which colour-blind people can tell apart; the page's policy forbids
// every request, whatever an answer smuggles in.
constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>)";
constexpr std::string_view kStyle = R"(</title>
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

}  // namespace

std::string page_head(std::string_view title) {
  return fmt::format("{}{}{}", kHead, escaped_html(title), kStyle);
}

std::string table_html(const ReportTable& table) {
  std::string html;
  const Out out(html);
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
  return html;
}

}  // namespace saccade::photos::eval
