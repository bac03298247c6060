// The CPU's weight layout.
#pragma once

#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/weight.h"
#include "tensor/tensor.h"

namespace saccade::compute::cpu {

/// A matrix [outputs, inputs] in panels of kPanel outputs, [panels, inputs, kPanel]: one vector
/// load brings the weights of sixteen outputs for one input, so products need no horizontal sums.
/// The last panel is filled up with zeros. Elements keep the type of the file.
class PackedMatrix : public Weight {
 public:
  /// Stacks `parts` ([outputs_i, inputs] each, one type) and packs them in parallel.
  PackedMatrix(std::span<const HostTensor> parts, ThreadPool& threads);

  const void* data() const { return data_.get(); }
  WeightType type() const { return type_; }
  std::int64_t panels() const { return (outputs() + kPanel - 1) / kPanel; }

  /// Writes row `output` ([inputs], as stored) to `to`.
  void copy_row(void* to, std::int64_t output) const;

 private:
  WeightType type_;
  std::shared_ptr<void> data_;
};

/// The kernels' name for a dtype. Throws Error for one that has no kernels.
WeightType weight_type(DType dtype);

/// Memory aligned for vector loads.
std::shared_ptr<void> allocate_aligned(std::int64_t bytes);

}  // namespace saccade::compute::cpu
