// A matrix of a model in the layout its device wants.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace saccade::compute {

/// Outputs [first, first + count) of a matrix.
struct OutputRange {
  std::int64_t first;
  std::int64_t count;
};

/// What a matrix is for, where a device may lay it out accordingly. It does all products whatever
/// this says.
struct WeightUse {
  /// The first half of the outputs gates the second: LinearOptions::gate.
  bool gated = false;
};

/// A packed matrix [outputs, inputs], made by Device::pack. What lies inside is the device's
/// affair.
class Weight {
 public:
  virtual ~Weight() = default;

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  /// Of memory that the packed form takes.
  virtual std::int64_t bytes() const = 0;
  /// Some outputs, range after range, as a matrix that shares this one's memory; null where the
  /// layout does not allow it. Throws Error for outputs that are not there.
  virtual std::shared_ptr<const Weight> part(std::span<const OutputRange> /*ranges*/) const {
    return nullptr;
  }

 protected:
  Weight(std::int64_t outputs, std::int64_t inputs) : outputs_(outputs), inputs_(inputs) {}

 private:
  std::int64_t outputs_;
  std::int64_t inputs_;
};

}  // namespace saccade::compute
