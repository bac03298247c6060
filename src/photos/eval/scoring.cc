#include "photos/eval/scoring.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "photos/vlm/json_answer.h"

namespace saccade::photos::eval {
namespace json = boost::json;
namespace {

// A judge that was unavailable so often, each time when it was asked thrice, is not there.
constexpr int kMaxUnavailableOnEnd = 3;

Share f1_share(const Counts& counts) {
  const auto agreed = static_cast<double>(2 * counts.true_positives);
  return {agreed, agreed + static_cast<double>(counts.false_positives + counts.false_negatives)};
}

/// The answer's object. Notes in `answered` why there is none.
std::optional<json::object> object_of(Answered& answered) {
  if (!answered.error.empty()) return std::nullopt;
  try {
    json::value value = read_json_answer(answered.text, nullptr, "answer").value;
    if (value.is_object()) return std::move(value.get_object());
    answered.error = "answer: wanted a JSON object, found a list";
  } catch (const Error& error) {
    answered.error = error.what();
  }
  return std::nullopt;
}

/// Holds one variant against the labels.
PhotoShares score_variant(VariantResult& variant, const FieldScorer& scorer,
                          const std::vector<json::object>& labels,
                          const BootstrapOptions& options) {
  PhotoShares shares;
  std::vector<std::vector<Share>> fields(scorer.paths().size());
  variant.fields.resize(scorer.paths().size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Answered& answered = variant.answers[i];
    shares.emplace_back();
    if (answered.unavailable) continue;
    const std::optional<json::object> answer = object_of(answered);
    const auto scores = scorer.score(labels[i], answer ? &*answer : nullptr);
    for (std::size_t field = 0; field < scores.size(); ++field) {
      if (!scores[field]) continue;
      variant.fields[field].counts += *scores[field];
      fields[field].push_back(f1_share(*scores[field]));
    }
    const Counts counts = total(scores);
    variant.counts += counts;
    shares.back() = f1_share(counts);
  }
  for (std::size_t field = 0; field < fields.size(); ++field) {
    variant.fields[field].path = scorer.paths()[field];
    if (!fields[field].empty()) {
      variant.fields[field].f1 = percent_interval(fields[field], options);
    }
  }
  return shares;
}

/// What a judge is shown of an answer.
std::string shown(const Answered& answered) {
  return answered.error.empty() ? answered.text : "(no answer)";
}

constexpr RubricPoints kWorst{{1, 1, 1, 1, 1}};

/// One photo's verdict on two answers. A failed answer has the fewest points whatever a judge says.
Verdict verdict_on(const Answered& a, const std::string& question_a, const Answered& b,
                   const std::string& question_b, const EvaluatedPhoto& photo, Judge& judge,
                   const std::atomic<bool>& cancelled) {
  if (!a.error.empty() && !b.error.empty()) return {kWorst, kWorst, true};
  Verdict verdict =
      judge.judge({photo.picture(), question_a, shown(a), question_b, shown(b)}, cancelled);
  if (!a.error.empty()) verdict.a = kWorst;
  if (!b.error.empty()) verdict.b = kWorst;
  return verdict;
}

/// Adds up rubric points.
class RubricMean {
 public:
  void add(const RubricPoints& points) {
    for (std::size_t i = 0; i < points.parts.size(); ++i) sum_.parts[i] += points.parts[i];
    ++count_;
  }
  RubricPoints mean() const {
    RubricPoints mean = sum_;
    for (double& part : mean.parts) part /= std::max(1, count_);
    return mean;
  }

 private:
  RubricPoints sum_;
  int count_ = 0;
};

/// A photo's score in several duels, as one.
void add_share(std::optional<Share>& sum, const RubricPoints& points) {
  if (!sum) sum = Share{};
  sum->part += points.percent() / 100.0;
  sum->whole += 1.0;
}

}  // namespace

Scoring score_by_labels(std::vector<VariantResult>& variants,
                        const std::vector<json::object>& labels, const BootstrapOptions& options) {
  const FieldScorer scorer(labels);
  Scoring scoring;
  for (VariantResult& variant : variants) {
    scoring.shares.push_back(score_variant(variant, scorer, labels, options));
  }
  scoring.baseline_shares.assign(variants.size() - 1, scoring.shares[0]);
  scoring.consistency.resize(variants.size() - 1);
  return scoring;
}

Scoring score_by_judge(std::vector<VariantResult>& variants,
                       const std::vector<const EvaluatedPhoto*>& photos,
                       const std::vector<std::string>& questions, Judge& judge,
                       const AskingOptions& options, const std::atomic<bool>& cancelled) {
  Scoring scoring;
  scoring.shares.assign(variants.size(), PhotoShares(photos.size()));
  std::vector<RubricMean> rubric(variants.size());
  int refused = 0;
  int unavailable_on_end = 0;
  std::string refusal;
  for (std::size_t v = 1; v < variants.size(); ++v) {
    PhotoShares& baseline = scoring.baseline_shares.emplace_back(photos.size());
    int judged = 0;
    int consistent = 0;
    for (std::size_t i = 0; i < photos.size(); ++i) {
      if (options.on_progress) {
        options.on_progress("judging " + variants[v].name, i, photos.size());
      }
      const Answered& a = variants[0].answers[i];
      const Answered& b = variants[v].answers[i];
      if (a.unavailable || b.unavailable) continue;
      Verdict verdict;
      try {
        verdict = verdict_on(a, questions[0], b, questions[v], *photos[i], judge, cancelled);
        unavailable_on_end = 0;
      } catch (const Error& error) {
        const bool unavailable = dynamic_cast<const VlmUnavailable*>(&error) != nullptr;
        unavailable_on_end = unavailable ? unavailable_on_end + 1 : 0;
        if (cancelled || unavailable_on_end == kMaxUnavailableOnEnd) throw;
        ++refused;
        refusal = error.what();
        continue;
      }
      ++judged;
      consistent += verdict.consistent ? 1 : 0;
      add_share(baseline[i], verdict.a);
      add_share(scoring.shares[0][i], verdict.a);
      add_share(scoring.shares[v][i], verdict.b);
      rubric[0].add(verdict.a);
      rubric[v].add(verdict.b);
    }
    scoring.consistency.push_back(
        judged > 0 ? std::optional(static_cast<double>(consistent) / judged) : std::nullopt);
  }
  for (std::size_t v = 0; v < variants.size(); ++v) variants[v].rubric = rubric[v].mean();
  if (refused > 0) {
    scoring.notes.push_back(
        fmt::format("The judge gave no judgement {} times; the last time: {}.", refused, refusal));
  }
  return scoring;
}

}  // namespace saccade::photos::eval
