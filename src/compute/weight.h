// A matrix of a model in the layout its device wants.
#pragma once

#include <cstdint>
#include <memory>

#include "tensor/dtype.h"

namespace saccade::compute {

/// A packed matrix [outputs, inputs], made by Device::pack. What lies inside is the device's
/// affair.
class Weight {
 public:
  virtual ~Weight() = default;

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  DType dtype() const { return dtype_; }
  std::int64_t bytes() const { return outputs_ * inputs_ * dtype_bytes(dtype_); }

 protected:
  Weight(std::int64_t outputs, std::int64_t inputs, DType dtype)
      : outputs_(outputs), inputs_(inputs), dtype_(dtype) {}

 private:
  std::int64_t outputs_;
  std::int64_t inputs_;
  DType dtype_;
};

}  // namespace saccade::compute
