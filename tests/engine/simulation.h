// A device, a model and a tower that compute almost nothing and take simulated time for it, so that
// hours of requests can be looked at in seconds, and every schedule again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compute/cpu/cpu_device.h"
#include "engine/clock.h"
#include "engine/runner.h"
#include "engine/sequence.h"
#include "text/tokenizer.h"

namespace saccade::engine {

/// Goes on when it is told to.
class SimulatedClock {
 public:
  double ms() const { return ms_; }
  void advance(double ms) { ms_ += ms; }
  Now now() const {
    return [this] {
      return Clock::time_point(std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double, std::milli>(ms_)));
    };
  }

 private:
  double ms_ = 0.0;
};

/// What work takes, in milliseconds.
struct Costs {
  double step = 10.0;            ///< of the decoder: its weights are read once
  double row = 0.05;             ///< of a step
  double key = 1e-5;             ///< that a row looks at
  double tower_operation = 4.0;  ///< cannot be broken into
  double copied_page = 0.02;
};

class SimulatedDevice : public compute::cpu::CpuDevice {
 public:
  SimulatedDevice(SimulatedClock& clock, const Costs& costs, int num_pages, int steps_ahead)
      : CpuDevice({1, {}}), clock_(clock), costs_(costs), steps_ahead_(steps_ahead) {
    contents.resize(num_pages * kv_page_tokens());
  }
  int steps_ahead() const override { return steps_ahead_; }
  std::int64_t padded_rows(std::int64_t rows) const override {
    return steps_ahead_ > 0 ? (rows + 3) / 4 * 4 : rows;
  }

  /// What stands for keys and values, of each page one after the other: which token it was.
  std::vector<std::uint64_t> contents;

 private:
  void do_copy_page(compute::KvCache& cache, std::int32_t from, std::int32_t to) override;
  /// The one operation of the simulated tower.
  void do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                             const compute::AttentionShape& shape,
                             std::span<const std::int64_t> ends) override;

  SimulatedClock& clock_;
  Costs costs_;
  int steps_ahead_;
};

/// Its next token is a digest of all tokens and pictures before it, as it finds them in the pages:
/// whoever is given another's page, a page too late or a token twice answers something else.
class SimulatedModel : public models::Model {
 public:
  static constexpr std::int64_t kVocab = 64;
  static constexpr std::int64_t kHidden = 4;
  static constexpr std::int32_t kEnd = 0;  ///< the token that ends answers
  static constexpr std::int64_t kMostPictureRows = 27;

  SimulatedModel(SimulatedDevice& device, SimulatedClock& clock, const Costs& costs)
      : device_(device), clock_(clock), costs_(costs) {}

  compute::KvLayout kv_layout() const override { return {1, 1, 16}; }
  std::int64_t vocab_size() const override { return kVocab; }
  std::int64_t hidden_size() const override { return kHidden; }
  /// As many operations as the patches are high, and a row of embeddings for each, which say whose
  /// they are.
  Tensor encode(const media::Patches& patches) override;
  Outputs forward(const models::Batch& batch, const compute::SequenceMemory& memory) override;
  Tensor forward(const models::StepInputs& inputs, const compute::SequenceMemory& memory) override;

  /// The answer to a request by itself, without any pages.
  static std::vector<std::int32_t> answer_to(const SequenceInput& input);

  std::int64_t most_rows = 0;       ///< of a step so far
  int tower_operations = 0;         ///< so far
  std::vector<std::string> errors;  ///< what was wrong with a batch

 private:
  /// Stores what the span's rows are, reads the sequence so far and sets the logits' rows.
  void read_span(const compute::SequenceSpan& span, std::span<const std::uint64_t> rows,
                 std::span<std::uint64_t> digests);
  void check_spans(std::span<const compute::SequenceSpan> spans);
  Tensor logits_of(std::span<const std::uint64_t> digests);

  SimulatedDevice& device_;
  SimulatedClock& clock_;
  Costs costs_;
};

/// What a simulation has.
struct SimulationOptions {
  Costs costs;
  int num_pages = 400;
  std::int64_t max_batch_tokens = 256;
  int steps_ahead = 0;
  bool prefix_cache = true;
  std::int64_t vision_cache_bytes = 1 << 20;
  double max_slowdown = 1.5;
};

/// A runner with all that it needs.
class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);

  /// `tokens` as a prompt. Pictures are named by a number each, which says how large they are, and
  /// stand at its end, before one more token.
  SequenceInput input(std::vector<std::int32_t> tokens, std::int64_t max_tokens,
                      std::span<const int> picture_names = {}) const;
  std::unique_ptr<Sequence> sequence(SequenceInput input);
  double ms() const { return clock.ms(); }
  /// Lets go of what is cached; whether all pages are free then.
  bool all_pages_free();

  SimulatedClock clock;
  SimulatedDevice device;
  SimulatedModel model;
  KvPool pool;
  text::Tokenizer tokenizer;
  std::unique_ptr<PrefixCache> prefix_cache;
  VisionCache vision_cache;
  PictureEncoder encoder;
  Runner runner;
};

}  // namespace saccade::engine
