#include "cli/photos_eval_report.h"

#include <gmock/gmock.h>

namespace saccade::cli {
namespace {

using photos::eval::Evaluation;
using photos::eval::VariantResult;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

VariantResult variant(const std::string& name, double score) {
  VariantResult result;
  result.name = name;
  result.score = {score, score - 5.0, score + 5.0};
  result.counts = {3, 1, 2};
  result.fields = {{"entities", {3, 1, 2}, {66.7, 50.0, 80.0}}};
  result.latencies_ms = {46.0};
  result.p50_ms = 46.0;
  result.p95_ms = 46.0;
  return result;
}

TEST(EvaluationText, EndsOnTheDecision) {
  Evaluation evaluation;
  evaluation.score_name = "F1";
  evaluation.variants = {variant("A", 60.0), variant("\x1b[31mB", 70.0)};
  photos::eval::DuelResult duel;
  duel.candidate = 1;
  duel.duel.wins = 7;
  duel.duel.difference = {10.0, 4.0, 16.0};
  evaluation.duels = {duel};
  evaluation.notes = {"A note."};
  evaluation.decision = "Replace A.";
  const std::string text = evaluation_text(evaluation);
  EXPECT_THAT(text, StartsWith("Variants\n"));
  EXPECT_THAT(text, HasSubstr("\nA "));
  EXPECT_THAT(text, HasSubstr("  60.0 (55.0 to 65.0)       75.0    60.0  46 ms"));
  EXPECT_THAT(text, HasSubstr("\nFields\n"));
  EXPECT_THAT(text, HasSubstr("\nAgainst A\n"));
  EXPECT_THAT(text, HasSubstr("+10.0 (+4.0 to +16.0)"));
  EXPECT_THAT(text, EndsWith("\nA note.\nReplace A.\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace saccade::cli
