// A matrix of a model in the layout its device wants.
#pragma once

#include <cstdint>
#include <memory>

namespace saccade::compute {

/// A packed matrix [outputs, inputs], made by Device::pack. What lies inside is the device's
/// affair.
class Weight {
 public:
  virtual ~Weight() = default;

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  /// Of memory that the packed form takes.
  virtual std::int64_t bytes() const = 0;

 protected:
  Weight(std::int64_t outputs, std::int64_t inputs) : outputs_(outputs), inputs_(inputs) {}

 private:
  std::int64_t outputs_;
  std::int64_t inputs_;
};

}  // namespace saccade::compute
