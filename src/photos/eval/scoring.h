// From answers to what each photo adds to each variant's score.
#pragma once

#include "photos/eval/evaluation.h"

namespace saccade::photos::eval {

/// What a measure makes of the answers, beside what it notes in the variants themselves.
struct Scoring {
  std::vector<PhotoShares> shares;  ///< an entry for each variant
  /// With a judge, of the baseline in each duel: an entry for each variant but the first.
  std::vector<PhotoShares> baseline_shares;
  std::vector<std::optional<double>> consistency;  ///< likewise
  std::vector<std::string> notes;
};

/// Scores against labels, `labels` an entry for each answer. Fills counts and fields.
Scoring score_by_labels(std::vector<VariantResult>& variants,
                        const std::vector<boost::json::object>& labels,
                        const BootstrapOptions& options);

/// Has each variant judged against the first; `questions` an entry for each variant. Fills the
/// rubric. Photos that the judge does not judge are noted and count for nothing. Throws
/// VlmUnavailable when that is because it could not be asked, three times on end, or is cancelled.
Scoring score_by_judge(std::vector<VariantResult>& variants,
                       const std::vector<const EvaluatedPhoto*>& photos,
                       const std::vector<std::string>& questions, Judge& judge,
                       const AskingOptions& options, const std::atomic<bool>& cancelled);

}  // namespace saccade::photos::eval
