// What a request changes of the logits, beside what samplers do.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compute/device.h"
#include "saccade/request.h"

namespace saccade::engine {

/// Sums of logit_bias and, for tokens that the answer has already, presence_penalty and
/// frequency_penalty, as OpenAI's API defines them: logit += bias - presence - count * frequency.
class LogitEdits {
 public:
  /// Ids outside the vocabulary, and values that are not finite, throw Error (usage).
  LogitEdits(const Sampling& sampling, std::int64_t vocab_size);
  LogitEdits() = default;

  bool any() const { return presence_ != 0.0 || frequency_ != 0.0 || !bias_.empty(); }
  /// The answer has got another token.
  void note(std::int32_t id);

  /// All edits of a step.
  struct Batch {
    std::vector<std::int32_t> places;  ///< row * vocab_size + id
    std::vector<float> values;
  };
  /// Adds those of the sequence whose logits are in `row`.
  void collect(Batch& batch, std::int64_t row, std::int64_t vocab_size) const;

 private:
  double presence_ = 0.0;
  double frequency_ = 0.0;
  std::unordered_map<std::int32_t, float> bias_;
  std::unordered_map<std::int32_t, std::int64_t> counts_;
};

/// Works the edits into logits [rows, vocab_size].
void apply_edits(compute::Device& device, const Tensor& logits, const LogitEdits::Batch& batch);

}  // namespace saccade::engine
