// A model that judges other models' answers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "photos/vlm/vlm.h"

namespace saccade::photos::eval {

inline constexpr std::array<std::string_view, 5> kRubric = {
    "correctness", "completeness", "no_invention", "specificity", "format"};

/// Points of one answer, 1 to 5 for each part of kRubric.
struct RubricPoints {
  std::array<double, kRubric.size()> parts{};

  double mean() const;
  /// The mean as 0 to 100.
  double percent() const { return (mean() - 1.0) / 4.0 * 100.0; }
};

struct Verdict {
  RubricPoints a;  ///< means over both orders
  RubricPoints b;
  /// The same answer was better in both orders, or neither in either.
  bool consistent = true;
};

/// What is judged: a photo, and two answers to what was asked about it, each with its question.
struct Case {
  ImageBytes picture;
  std::string question_a;
  std::string a;
  std::string question_b;
  std::string b;
};

/// Judges two answers at a time, blind: it is not told who gave them. It is asked twice, with
/// either answer as the first, and the points are averaged, so that a liking for a place cancels
/// out (which models have: Zheng et al., Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena,
/// 2023). Which order comes first is drawn by `seed`. One thread at a time.
class Judge {
 public:
  Judge(std::shared_ptr<Vlm> model, std::uint64_t seed) : model_(std::move(model)), random_(seed) {}

  std::string name() const { return model_->name(); }
  /// Throws Error as Vlm::ask(), and for a judgement that breaks off.
  Verdict judge(const Case& what, const std::atomic<bool>& cancelled);

 private:
  std::array<RubricPoints, 2> ask(const Case& what, bool swapped,
                                  const std::atomic<bool>& cancelled) const;

  std::shared_ptr<Vlm> model_;
  std::mt19937_64 random_;
};

}  // namespace saccade::photos::eval
