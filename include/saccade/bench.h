// How fast a model is on a device, and how near to the device's limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "saccade/engine.h"

namespace saccade {

/// A model of random weights in the shape of a named one, made in memory: Engine::load_random.
struct RandomModel {
  std::string shape;             ///< one of random_shapes()
  std::string weights = "bf16";  ///< "bf16", "mlx4" (4 bits, groups of 64) or "q4_0"
};

/// The shapes that RandomModel knows, the largest first.
std::vector<std::string> random_shapes();

struct PictureSize {
  int width = 0;
  int height = 0;
};

/// A JPEG file that looks like a photograph, another one for each seed.
ImageBytes bench_photo(const PictureSize& size, std::uint32_t seed);

/// How many multiplications and additions a second a device can do, counted each.
struct BenchPeak {
  std::string arithmetic;  ///< "int8", "bf16", "f32"; "quantized": of a GPU's own product
  double operations_per_second = 0.0;
};

/// Limits of a device, measured on it.
struct BenchRoofline {
  double bytes_per_second = 0.0;
  std::string bandwidth;         ///< what was measured for it
  std::vector<BenchPeak> peaks;  ///< of what the device has
  std::string products;          ///< what was measured for them
};

/// Measures a device's limits, in a second or so. Throws Error when the options name none. Best
/// called before a model is loaded, whose memory it would share.
BenchRoofline measure_roofline(const EngineOptions& options = {});

/// What is measured; what is left empty is not.
struct BenchOptions {
  std::vector<std::int64_t> prefill;       ///< lengths of prompts, in tokens
  std::int64_t decode = 0;                 ///< tokens that each sequence gets
  std::vector<std::int64_t> batch = {1};   ///< sequences that decode together
  std::int64_t context = 512;              ///< tokens of each sequence before it decodes
  std::vector<PictureSize> images;         ///< read as JPEG, and encoded by the vision tower
  std::optional<std::int64_t> max_pixels;  ///< the checkpoint's own budget without
  int repeat = 5;                          ///< runs, after one that does not count
  std::optional<BenchRoofline> roofline;   ///< of the device, to say what share is reached
  /// Compare each run with limits measured again just before and after it, on a device that other
  /// programs use too. Otherwise those of `roofline` hold throughout.
  bool limits_beside_runs = false;
};

struct BenchRow {
  /// "load", "first_token", "media", "vision", "prefill", "decode", "memory"
  std::string what;
  std::vector<std::pair<std::string, std::int64_t>> parameters;
  double median = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::string unit;  ///< "ms", "tokens/s", "bytes"
  /// Median time, where the unit is another: of the whole prompt, or of a step of decoding.
  std::optional<double> ms;
  std::optional<double> limit;  ///< median, in the unit: from the work counted and the roofline
  std::optional<double> share;  ///< median of what runs reach of their limits, from 0 to about 1
  std::string bound;            ///< what the limit comes from: "memory" or a peak's arithmetic
  /// Median energy of the whole device for a token, or a picture, where it is reported.
  std::optional<double> joules;
};

struct BenchReport {
  bool complete = false;  ///< false: cancelled; there are fewer rows then
  DeviceInfo device;      ///< memory available: after everything
  /// Of the device's memory, what was taken since before the model was loaded. On a processor
  /// others take and give back of the same memory meanwhile.
  std::int64_t memory_taken_bytes = 0;
  std::string energy_source;              ///< what reports energy; empty: nothing does
  std::int64_t weight_bytes = 0;          ///< of the checkpoint
  std::int64_t kv_bytes = 0;              ///< that keys, values and states may take
  std::optional<BenchRoofline> roofline;  ///< as it was given
  std::vector<BenchRow> rows;
};

/// Follows a benchmark. Called on the thread that runs it; what it throws ends that.
class BenchListener {
 public:
  virtual ~BenchListener() = default;
  /// What is being measured: "prefill of 512 tokens", and how often it was.
  virtual void on_progress(const std::string& /*what*/, int /*done*/, int /*total*/) {}
  /// Asked between steps of the model; true ends the benchmark.
  virtual bool cancelled() { return false; }
};

}  // namespace saccade
