// Reports of evaluations.
#include "photos/eval/report.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "photos/eval/plots.h"

namespace saccade::photos::eval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kScript = "<script>alert('x')</script>";

VariantResult variant(const std::string& name, double score) {
  VariantResult result;
  result.name = name;
  result.model = name;
  result.prompt = "short";
  result.score = {score, score - 5.0, score + 5.0};
  result.counts = {3, 1, 2};
  result.fields = {{"entities", {3, 1, 2}, {66.7, 50.0, 80.0}}};
  result.photo_scores = {score, std::nullopt};
  result.answers.resize(2);
  result.answers[0].text = std::string("{\"entities\": [\"") + kScript + "\"]}";
  result.answers[1].error = std::string("down: ") + kScript;
  result.answers[1].unavailable = true;
  result.unavailable = 1;
  result.latencies_ms = {12.0, 80.0};
  result.p50_ms = 46.0;
  result.p95_ms = 76.6;
  return result;
}

Evaluation small() {
  Evaluation evaluation;
  evaluation.score_name = "F1";
  evaluation.photos = {std::string("a/") + kScript + "\"&.jpg", "b.jpg"};
  evaluation.margin = 3.0;
  evaluation.confidence = 0.95;
  evaluation.variants = {variant("A", 60.0), variant(std::string("B") + kScript, 70.0)};
  evaluation.variants[1].memory_bytes = std::int64_t{30} << 20;
  DuelResult duel;
  duel.candidate = 1;
  duel.duel.photos = 1;
  duel.duel.wins = 1;
  duel.duel.difference = {10.0, 4.0, 16.0};
  duel.duel.photo_differences = {10.0, std::nullopt};
  duel.decision = std::string("Replace A by B") + kScript;
  evaluation.duels = {duel};
  evaluation.decision = duel.decision;
  evaluation.notes = {kScript};
  return evaluation;
}

TEST(ReportTables, HaveWhatWasMeasured) {
  const std::vector<ReportTable> tables = report_tables(small());
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_THAT(tables[0].head, ElementsAre("", "F1", "precision", "recall", "p50", "p95", "model",
                                          "peak", "no answer", "not asked"));
  EXPECT_THAT(tables[0].rows.at(0), ElementsAre("A", "60.0 (55.0 to 65.0)", "75.0", "60.0", "46 ms",
                                                "77 ms", "-", "-", "0", "1"));
  EXPECT_EQ(tables[0].rows.at(1).at(6), "30 MiB");
  EXPECT_THAT(tables[1].rows.at(0),
              ElementsAre("entities", "A", "66.7 (50.0 to 80.0)", "75.0", "60.0"));
  EXPECT_EQ(tables[2].title, "Against A");
  EXPECT_EQ(tables[2].rows.at(0).at(4), "+10.0 (+4.0 to +16.0)");
}

TEST(ReportTables, HaveTheRubricOfAJudge) {
  Evaluation judged = small();
  judged.judge = "judge";
  judged.score_name = "rubric score";
  judged.variants[0].rubric = {{1, 2, 3, 4, 5}};
  judged.duels[0].consistency = 0.75;
  const std::vector<ReportTable> tables = report_tables(judged);
  EXPECT_EQ(tables[0].head.size(), 8u);
  EXPECT_THAT(tables[1].head, ElementsAre("", "correctness", "completeness", "no_invention",
                                          "specificity", "format"));
  EXPECT_THAT(tables[1].rows.at(0), ElementsAre("A", "1.00", "2.00", "3.00", "4.00", "5.00"));
  EXPECT_EQ(tables[2].rows.at(0).back(), "75 %");
}

TEST(ReportHtml, ShowsWhatOthersWroteAsText) {
  const std::string page = report_html(small());
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;.jpg"));
  EXPECT_EQ(escaped_html("a\x01<\xff>"), "a&lt;\xEF\xBF\xBD&gt;");
}

TEST(ReportHtml, AsksForNothingOutside) {
  const std::string page = report_html(small());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* outside : {"http://", "https://", "url(", "src=", "href=", "@import"}) {
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
}

TEST(ReportHtml, HasThePlots) {
  const std::string page = report_html(small());
  EXPECT_THAT(page, HasSubstr("Evaluation on 2 photos"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(page, HasSubstr("aria-label=\"F1\""));
  EXPECT_THAT(page, HasSubstr("aria-label=\"Latency\""));
  EXPECT_THAT(page, HasSubstr("class=\"win\""));
  EXPECT_THAT(page, HasSubstr("A, entities: 66.7 (50.0 to 80.0)"));
}

TEST(Plots, TakeEmptyAndLargeValues) {
  EXPECT_THAT(points_svg("t", {{"a", 0, {}, 0.0, 0.0}}), HasSubstr("</svg>"));
  EXPECT_THAT(columns_svg("t", {}), HasSubstr("</svg>"));
  EXPECT_THAT(points_svg("t", {{"a", 0, {350.0}, 350.0, 350.0}}), HasSubstr(">400 ms<"));
  const std::string wide = points_svg("t", {{"a", 0, {3.0, 5000.0}, 3.0, 5000.0}});
  for (const char* number : {">1 ms<", ">10 ms<", ">100 ms<", ">1 s<", ">10 s<"}) {
    EXPECT_THAT(wide, HasSubstr(number));
  }
  EXPECT_THAT(columns_svg("t", {{"a", -500.0}}), HasSubstr("class=\"loss\""));
}

TEST(ReportJson, HasEverything) {
  const boost::json::object report = report_json(small());
  EXPECT_EQ(report.at("score").as_string(), "F1");
  const auto& variants = report.at("variants").as_array();
  ASSERT_EQ(variants.size(), 2u);
  EXPECT_EQ(variants[0].at_pointer("/fields/entities/true_positives").as_int64(), 3);
  EXPECT_TRUE(variants[0].at("memory_bytes").is_null());
  EXPECT_EQ(variants[1].at("memory_bytes").as_int64(), 30 << 20);
  EXPECT_EQ(variants[0].at_pointer("/answers/0/score").as_double(), 60.0);
  EXPECT_THAT(std::string(variants[0].at_pointer("/answers/1/error").as_string()),
              HasSubstr("down"));
  EXPECT_EQ(report.at("duels").at(0).at("difference").at("low").as_double(), 4.0);
  EXPECT_EQ(report.at("duels").at(0).at("photo_differences").at("b.jpg"), nullptr);
  EXPECT_EQ(report.at("notes").as_array().size(), 1u);
}

}  // namespace
}  // namespace saccade::photos::eval
