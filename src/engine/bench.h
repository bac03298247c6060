// Measuring a loaded engine by its own path, without a tokenizer in the way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "compute/device.h"
#include "engine/kv_pool.h"
#include "engine/scheduler.h"
#include "models/model.h"
#include "models/processor.h"
#include "saccade/bench.h"

namespace saccade::engine {

/// What an engine is made of.
struct EngineParts {
  compute::Device& device;
  models::Model& model;
  const models::Processor& processor;
  KvPool& pool;
  const StatePool& states;
  Scheduler& scheduler;
  const ModelInfo& info;
  double load_ms = 0.0;
};

/// Median, smallest and largest of `values`, of which there is at least one.
void fill_row(BenchRow& row, std::vector<double> values);
/// A device's limits as the public API has them, and back.
BenchRoofline to_public(const compute::Roofline& roofline);
compute::Roofline to_internal(const BenchRoofline& roofline);

/// What a row was measured as, run by run.
struct BenchRuns {
  std::vector<double> values;
  /// The device's before the first run, between runs and after the last; or none.
  std::vector<compute::Roofline> limits;
};

/// The limit of a row of times ("ms") or of rates, and the share of it. The limit of a run lies in
/// the middle between those of the moments before and after it. `tokens` are those that come of the
/// work.
void fill_limit(BenchRow& row, const BenchRuns& runs, const compute::Work& work, double tokens);

/// Prefill and decoding go through the scheduler as requests do, with random tokens; pictures are
/// decoded from JPEG, go through the processor, and the tower is timed.
class Bench {
 public:
  /// `listener` may be null.
  Bench(const EngineParts& parts, const BenchOptions& options, BenchListener* listener);

  /// Throws Error when something does not fit the model or the memory.
  BenchReport run();

 private:
  struct Cancelled {};
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  void check_options() const;
  void check_fits(std::int64_t sequences, std::int64_t tokens) const;
  void measure_first_token();
  void measure_picture(const PictureSize& size);
  media::Patches measure_media(const PictureSize& size);
  void measure_vision(const PictureSize& size, const media::Patches& patches);
  void measure_prefill(std::int64_t tokens);
  void measure_decode(std::int64_t batch);

  /// Whose work a row is of: only the device's has limits.
  enum class WorkOf : std::uint8_t { kDevice, kCaller };
  /// Fills a row with what `once` returns, called for the warm-up and then as often as options say.
  /// A call is for `units` tokens or pictures, which share the energy of it.
  BenchRuns repeat(BenchRow& row, const std::string& what, double units,
                   const std::function<double()>& once, WorkOf work = WorkOf::kDevice);
  /// The device's limits at this moment.
  void add_limits(BenchRuns& runs);
  void add_memory_row();
  /// One more step of the model. Throws Cancelled and what sequences failed with.
  void step(const Sequences& sequences);
  /// Until no sequence is left.
  void run_out(const Sequences& sequences);
  /// `batch` sequences of `context` tokens that answer with `answer` more.
  Sequences make_sequences(std::int64_t batch, std::int64_t context, std::int64_t answer);
  /// The same, with all but the last token's keys and values in their pages already.
  Sequences make_prefilled(std::int64_t batch, std::int64_t context, std::int64_t answer);
  /// Tokens a second of all sequences together.
  double timed_decode(std::int64_t batch);
  compute::Work decode_work(std::int64_t batch);
  /// `tokens` are those that come of the work; 0 for a picture.
  void add_row(BenchRow row, const BenchRuns& runs, const compute::Work& work, double tokens);

  EngineParts parts_;
  BenchOptions options_;
  BenchListener* listener_;
  models::Prompt pattern_;  // a short one
  std::optional<compute::Roofline> roofline_;
  std::mt19937 random_{1};
  std::int64_t most_pages_ = 0;      // of keys and values in use at a time
  std::int64_t most_sequences_ = 0;  // that take part in steps at a time
  BenchReport report_;
};

}  // namespace saccade::engine
