#include <boost/json.hpp>

#include "photos/eval/report.h"

namespace saccade::photos::eval {
namespace json = boost::json;
namespace {

json::object interval_json(const Interval& interval) {
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

json::object counts_json(const Counts& counts) {
  return {{"true_positives", counts.true_positives},
          {"false_positives", counts.false_positives},
          {"false_negatives", counts.false_negatives},
          {"precision", counts.precision()},
          {"recall", counts.recall()},
          {"f1", counts.f1()}};
}

template <typename Number>
json::value or_null(const std::optional<Number>& number) {
  return number ? json::value(*number) : json::value();
}

json::object answer_json(const Evaluation& evaluation, const VariantResult& variant,
                         std::size_t photo) {
  const Answered& answered = variant.answers[photo];
  json::object answer{{"photo", evaluation.photos[photo]},
                      {"answer", answered.text},
                      {"score", or_null(variant.photo_scores[photo])},
                      {"total_ms", answered.total_ms},
                      {"completion_tokens", answered.usage.completion_tokens}};
  if (!answered.error.empty()) answer["error"] = answered.error;
  return answer;
}

json::object variant_json(const Evaluation& evaluation, const VariantResult& variant) {
  json::object object{{"name", variant.name},
                      {"model", variant.model},
                      {"prompt", variant.prompt},
                      {"score", interval_json(variant.score)}};
  if (evaluation.judge.empty()) {
    object["counts"] = counts_json(variant.counts);
    json::object fields;
    for (const FieldResult& field : variant.fields) {
      json::object result = counts_json(field.counts);
      result["f1_percent"] = interval_json(field.f1);
      fields[field.path] = std::move(result);
    }
    object["fields"] = std::move(fields);
  } else {
    json::object rubric;
    for (std::size_t i = 0; i < kRubric.size(); ++i) rubric[kRubric[i]] = variant.rubric.parts[i];
    object["rubric"] = std::move(rubric);
  }
  object["failures"] = variant.failures;
  object["unavailable"] = variant.unavailable;
  object["latency_p50_ms"] = variant.p50_ms;
  object["latency_p95_ms"] = variant.p95_ms;
  object["memory_bytes"] = or_null(variant.memory_bytes);
  object["peak_memory_bytes"] = or_null(variant.peak_memory_bytes);
  json::array answers;
  for (std::size_t i = 0; i < variant.answers.size(); ++i) {
    answers.push_back(answer_json(evaluation, variant, i));
  }
  object["answers"] = std::move(answers);
  return object;
}

json::object duel_json(const Evaluation& evaluation, const DuelResult& result) {
  const Duel& duel = result.duel;
  json::object winners;
  for (std::size_t i = 0; i < duel.photo_differences.size(); ++i) {
    winners[evaluation.photos[i]] = or_null(duel.photo_differences[i]);
  }
  json::object object{{"baseline", evaluation.variants[0].name},
                      {"candidate", evaluation.variants[result.candidate].name},
                      {"photos", duel.photos},
                      {"wins", duel.wins},
                      {"ties", duel.ties},
                      {"losses", duel.losses},
                      {"difference", interval_json(duel.difference)},
                      {"replace", duel.decision == Decision::kReplace},
                      {"enough_photos", duel.decision != Decision::kTooFewPhotos},
                      {"decision", result.decision},
                      {"photo_differences", std::move(winners)}};
  if (result.consistency) object["consistency"] = *result.consistency;
  return object;
}

}  // namespace

json::object report_json(const Evaluation& evaluation) {
  json::object object{{"decision", evaluation.decision},
                      {"score", evaluation.score_name},
                      {"margin", evaluation.margin},
                      {"confidence", evaluation.confidence},
                      {"photos", evaluation.photos.size()}};
  if (!evaluation.judge.empty()) object["judge"] = evaluation.judge;
  json::array variants;
  for (const VariantResult& variant : evaluation.variants) {
    variants.push_back(variant_json(evaluation, variant));
  }
  object["variants"] = std::move(variants);
  json::array duels;
  for (const DuelResult& result : evaluation.duels) duels.push_back(duel_json(evaluation, result));
  object["duels"] = std::move(duels);
  object["notes"] = json::value_from(evaluation.notes);
  return object;
}

}  // namespace saccade::photos::eval
