// How far one checkpoint is from another, such as a quantized one from what it was made from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "saccade/engine.h"

namespace saccade {

/// A model and how it is run.
struct CompareModel {
  std::string model;  ///< what Engine::load takes
  EngineOptions engine;
};

struct CompareOptions {
  CompareModel a;  ///< the reference
  CompareModel b;
  std::vector<std::string> prompts;
  std::vector<std::string> images;  ///< paths; each prompt is asked about each; none: text alone
  std::int64_t max_tokens = 32;     ///< of each answer
  std::optional<std::int64_t> max_pixels;
};

/// What is being done.
struct CompareProgress {
  bool reference = true;  ///< with A, or else with B
  bool loading = true;    ///< `done` counts bytes of weights, or else questions
  std::int64_t done = 0;
  std::int64_t total = 0;
};

/// Follows a comparison. Called on the thread that called compare(); what it throws ends that.
class CompareListener {
 public:
  virtual ~CompareListener() = default;
  /// Several times a question.
  virtual void on_progress(const CompareProgress& /*progress*/) {}
  /// Asked between steps of the models; true ends the comparison.
  virtual bool cancelled() { return false; }
};

/// What a model costs.
struct CompareSide {
  std::string model;
  std::int64_t bytes = 0;  ///< of the weights
  double load_ms = 0.0;
  double vision_ms = 0.0;  ///< vision tower, for a picture
  double prefill_tokens_per_second = 0.0;
  double decode_tokens_per_second = 0.0;
  std::string device;  ///< "cpu", "cuda:0"
};

/// KL divergence of B's next-token distributions from A's, KL(A||B), in nats.
struct Divergence {
  double mean = 0.0;
  double median = 0.0;
  double p99 = 0.0;  ///< 99 % of the positions have this or less
  double max = 0.0;
};

/// How far B's vision tower is from A's: |b - a| / |a| (Euclidean norms) of all that a tower made
/// of a picture.
struct TowerError {
  double mean = 0.0;  ///< over pictures
  double max = 0.0;
};

struct CompareReport {
  bool complete = false;  ///< false: cancelled; the rest means nothing then
  std::int64_t questions = 0;
  std::int64_t positions = 0;   ///< tokens of A's answers
  std::int64_t vocab_size = 0;  ///< that distributions are compared over
  Divergence divergence;
  std::optional<TowerError> tower_error;  ///< none without pictures, or for towers of other sizes
  double same_tokens = 0.0;   ///< share of positions where both find the same token likeliest
  double same_answers = 0.0;  ///< share of answers in which that is all of them
  double same_prefix = 0.0;   ///< share of tokens that come before their answer's first difference
  CompareSide a;
  CompareSide b;
};

/// Lets A answer every question greedily and leads B along the same tokens, comparing what both
/// expect before each of them. One model is in memory at a time: A's logits wait in a temporary
/// file. Throws Error, also when the two read a prompt as different tokens.
CompareReport compare(const CompareOptions& options, CompareListener* listener = nullptr);

}  // namespace saccade
