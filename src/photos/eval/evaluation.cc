#include "photos/eval/evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "photos/eval/patient_vlm.h"
#include "photos/eval/scoring.h"

namespace saccade::photos::eval {
namespace {

void check(const EvaluationInput& input) {
  if (input.models.empty() || input.prompts.empty()) {
    fail_usage("evaluation: wanted at least one model and one prompt, found {} and {}",
               input.models.size(), input.prompts.size());
  }
  if (input.labels.has_value() == static_cast<bool>(input.judge)) {
    fail_usage("evaluation: wanted either labels or a judge");
  }
  if (input.photos.empty()) fail_usage("evaluation: wanted photos, found none");
  if (input.judge && input.models.size() * input.prompts.size() < 2) {
    fail_usage("evaluation: a judge compares answers; wanted two models or two prompts");
  }
  if (!(input.margin >= 0.0 && input.margin <= 100.0)) {
    fail_usage("evaluation: wanted a margin from 0 to 100 points, found {}", input.margin);
  }
}

/// The photos that are asked about.
std::vector<EvaluatedPhoto> asked_photos(const EvaluationInput& input) {
  if (!input.labels) return input.photos;
  std::vector<EvaluatedPhoto> photos;
  for (const std::size_t i : input.labels->photos) photos.push_back(input.photos.at(i));
  return photos;
}

VariantResult variant_result(VariantAnswers variant, const EvaluationInput& input) {
  VariantResult result;
  result.model = input.models[variant.model].name;
  result.prompt = input.prompts[variant.prompt].name;
  // What all variants share needs no mention.
  result.name = input.prompts.size() == 1  ? result.model
                : input.models.size() == 1 ? result.prompt
                                           : result.model + " with " + result.prompt;
  result.answers = std::move(variant.answers);
  result.p50_ms = quantile(variant.latencies_ms, 0.5);
  result.p95_ms = quantile(variant.latencies_ms, 0.95);
  result.latencies_ms = std::move(variant.latencies_ms);
  result.memory_bytes = variant.memory_bytes;
  result.peak_memory_bytes = variant.peak_memory_bytes;
  return result;
}

/// Scores, intervals and counts of a variant from what its photos add.
void summarize(VariantResult& variant, const PhotoShares& shares, const BootstrapOptions& options) {
  std::vector<Share> present;
  for (const auto& share : shares) {
    variant.photo_scores.push_back(share ? std::optional(percent(std::span(&*share, 1)))
                                         : std::nullopt);
    if (share) present.push_back(*share);
  }
  if (!present.empty()) variant.score = percent_interval(present, options);
  for (const Answered& answered : variant.answers) {
    variant.unavailable += answered.unavailable ? 1 : 0;
    variant.failures += !answered.error.empty() && !answered.unavailable ? 1 : 0;
  }
}

/// The line that counts: the candidate that is surely better and most so, or else the nearest to
/// it.
std::string overall_decision(const Evaluation& evaluation) {
  if (evaluation.duels.empty()) {
    const VariantResult& only = evaluation.variants[0];
    return fmt::format(
        "{} has a {} of {:.1f} ({:.0f} % interval {:.1f} to {:.1f}); nothing was compared with it.",
        only.name, evaluation.score_name, only.score.estimate, 100.0 * evaluation.confidence,
        only.score.low, only.score.high);
  }
  const auto best = std::ranges::max_element(evaluation.duels, {}, [](const DuelResult& result) {
    return std::pair(result.duel.decision == Decision::kReplace, result.duel.difference.low);
  });
  return best->decision;
}

std::vector<std::string> notes_on(const EvaluationInput& input, const Evaluation& evaluation) {
  std::vector<std::string> notes;
  if (input.labels && !input.labels->unknown.empty()) {
    notes.push_back(
        fmt::format("{} of the labels are of photos that are not in the library, such as \"{}\".",
                    input.labels->unknown.size(), input.labels->unknown.front()));
  }
  for (const VariantResult& variant : evaluation.variants) {
    if (variant.unavailable > 0) {
      notes.push_back(fmt::format("{} could not be asked about {} photos, which count for nothing.",
                                  variant.name, variant.unavailable));
    }
    if (variant.failures > 0) {
      notes.push_back(fmt::format("{} gave no usable answer about {} photos, which count as {}.",
                                  variant.name, variant.failures,
                                  input.labels ? "answers with nothing in them" : "the worst"));
    }
  }
  if (evaluation.duels.size() > 1) {
    notes.push_back(
        "Each candidate is compared with the baseline by itself: of many, one may be over the "
        "margin by chance more often than the interval says.");
  }
  return notes;
}

Scoring score(const EvaluationInput& input, const std::vector<EvaluatedPhoto>& photos,
              Evaluation& evaluation, const std::atomic<bool>& cancelled) {
  if (input.labels) {
    return score_by_labels(evaluation.variants, input.labels->fields, input.bootstrap);
  }
  std::vector<const EvaluatedPhoto*> judged;
  for (const EvaluatedPhoto& photo : photos) judged.push_back(&photo);
  std::vector<std::string> questions;
  for (std::size_t model = 0; model < input.models.size(); ++model) {
    for (const EvaluatedPrompt& prompt : input.prompts) questions.push_back(prompt.text);
  }
  Judge judge(std::make_shared<PatientVlm>(input.judge(), input.asking.retry_pause),
              input.bootstrap.seed);
  evaluation.judge = judge.name();
  return score_by_judge(evaluation.variants, judged, questions, judge, input.asking, cancelled);
}

}  // namespace

Evaluation evaluate(const EvaluationInput& input, const std::atomic<bool>& cancelled) {
  check(input);
  const std::vector<EvaluatedPhoto> photos = asked_photos(input);
  Evaluation evaluation;
  evaluation.score_name = input.labels ? "F1" : "rubric score";
  evaluation.margin = input.margin;
  evaluation.confidence = input.bootstrap.confidence;
  for (const EvaluatedPhoto& photo : photos) evaluation.photos.push_back(photo.name);
  for (VariantAnswers& variant :
       ask_all(photos, input.models, input.prompts, input.asking, cancelled)) {
    evaluation.variants.push_back(variant_result(std::move(variant), input));
  }
  const Scoring scoring = score(input, photos, evaluation, cancelled);
  for (std::size_t v = 0; v < evaluation.variants.size(); ++v) {
    summarize(evaluation.variants[v], scoring.shares[v], input.bootstrap);
  }
  for (std::size_t v = 1; v < evaluation.variants.size(); ++v) {
    DuelResult result;
    result.candidate = v;
    result.duel =
        compare(scoring.baseline_shares[v - 1], scoring.shares[v], input.margin, input.bootstrap);
    result.consistency = scoring.consistency[v - 1];
    result.decision =
        decision_text(result.duel, evaluation.variants[0].name, evaluation.variants[v].name,
                      evaluation.score_name, input.margin, input.bootstrap.confidence);
    evaluation.duels.push_back(std::move(result));
  }
  evaluation.decision = overall_decision(evaluation);
  evaluation.notes = notes_on(input, evaluation);
  evaluation.notes.insert(evaluation.notes.end(), scoring.notes.begin(), scoring.notes.end());
  return evaluation;
}

}  // namespace saccade::photos::eval
