// Which model and which prompt describe photos best: asked, scored and compared.
//
// The engine of `saccade photos eval`. It knows no database: photos come as functions that give
// their pictures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "photos/eval/asking.h"
#include "photos/eval/comparison.h"
#include "photos/eval/field_scores.h"
#include "photos/eval/judge.h"
#include "photos/eval/labels.h"

namespace saccade::photos::eval {

inline constexpr double kDefaultMargin = 3.0;

/// Variants are models times prompts; the first model with the first prompt is the baseline, which
/// others have to beat.
struct EvaluationInput {
  std::vector<EvaluatedPhoto> photos;
  std::vector<EvaluatedModel> models;
  std::vector<EvaluatedPrompt> prompts;
  /// Either labels, then the photos that have one are asked about, ...
  std::optional<Labels> labels;
  /// ... or a judge, which is opened when all answers are there.
  std::function<std::shared_ptr<Vlm>()> judge;
  double margin = kDefaultMargin;  ///< points of a hundred
  BootstrapOptions bootstrap;
  AskingOptions asking;
};

/// Agreement of one variant with the labels at one path.
struct FieldResult {
  std::string path;
  Counts counts;
  Interval f1;  ///< percent
};

struct VariantResult {
  std::string name;  ///< "glance with short"; what all variants share is left out
  std::string model;
  std::string prompt;
  Interval score;                                   ///< percent
  Counts counts;                                    ///< of all fields and photos; with labels
  std::vector<FieldResult> fields;                  ///< with labels
  RubricPoints rubric;                              ///< means over photos; with a judge
  std::vector<std::optional<double>> photo_scores;  ///< percent, an entry for each photo
  std::vector<Answered> answers;                    ///< likewise
  int failures = 0;     ///< answers that were none: of no JSON, or cut off
  int unavailable = 0;  ///< photos that it could not be asked about
  double p50_ms = 0.0;
  double p95_ms = 0.0;
  std::vector<double> latencies_ms;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> peak_memory_bytes;
};

/// The baseline against one of the other variants.
struct DuelResult {
  std::size_t candidate = 0;  ///< of Evaluation::variants
  Duel duel;
  std::string decision;  ///< in words
  /// With a judge: the share of photos on which it preferred the same answer in both orders.
  std::optional<double> consistency;
};

struct Evaluation {
  std::string score_name;           ///< "F1", or "rubric score"
  std::string judge;                ///< its name; empty: against labels
  std::vector<std::string> photos;  ///< names of those asked about
  double margin = 0.0;
  double confidence = 0.0;
  std::vector<VariantResult> variants;  ///< the first is the baseline
  std::vector<DuelResult> duels;        ///< one for each other
  std::string decision;                 ///< the line that counts
  std::vector<std::string> notes;       ///< what a reader should know, a sentence each
};

/// Asks, scores and compares. Throws Error (usage) for inputs that make no evaluation,
/// VlmUnavailable as ask_all() does.
Evaluation evaluate(const EvaluationInput& input, const std::atomic<bool>& cancelled);

}  // namespace saccade::photos::eval
