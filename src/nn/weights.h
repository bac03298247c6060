// Taking a checkpoint's tensors to a device, by name and with their shapes checked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "compute/device.h"

namespace saccade::nn {

/// Loads the tensors of one model. Every getter throws Error naming the tensor, the shape that
/// config.json implies and the shape found. File pages are let go as soon as they are packed.
class WeightLoader {
 public:
  /// `on_bytes`, when given, is told the bytes of each tensor as it is loaded.
  WeightLoader(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
               std::function<void(std::int64_t)> on_bytes = {});

  compute::Device& device() const { return device_; }
  bool has(const std::string& name) const { return checkpoint_.has(name); }

  /// A matrix [outputs, inputs]; trailing dimensions of the stored tensor count as inputs, so a
  /// convolution over patches loads as the product it is.
  std::shared_ptr<const compute::Weight> matrix(const std::string& name, std::int64_t outputs,
                                                std::int64_t inputs);
  /// Matrices [outputs[i], inputs] stacked along the outputs, for one product instead of several;
  /// their formats may differ.
  std::shared_ptr<const compute::Weight> stacked(const std::vector<std::string>& names,
                                                 const std::vector<std::int64_t>& outputs,
                                                 std::int64_t inputs);
  /// The matrices [outputs, inputs] of experts that a file holds as one tensor [experts, outputs,
  /// inputs] or, as some are published, [experts, inputs, outputs]. Told apart by the shape alone,
  /// as transformers does; where both fit, it is the former.
  std::vector<std::shared_ptr<const compute::Weight>> experts(const std::string& name,
                                                              std::int64_t count,
                                                              std::int64_t outputs,
                                                              std::int64_t inputs);
  /// A matrix [rows, columns] as a dense f32 tensor, for tables such as position embeddings.
  /// Dimensions of 1 do not count: files disagree on whether such a table has one more of them.
  Tensor table(const std::string& name, std::int64_t rows, std::int64_t columns);
  /// A vector as f32.
  Tensor vector(const std::string& name, std::int64_t elements);
  /// Vectors one after the other, as f32.
  Tensor joined(const std::vector<std::string>& names, const std::vector<std::int64_t>& elements);

 private:
  std::vector<HostMatrix> checked(const std::string& name, std::int64_t outputs,
                                  std::int64_t inputs) const;
  void loaded(const std::string& name, std::int64_t bytes);

  const checkpoint::Checkpoint& checkpoint_;
  compute::Device& device_;
  std::function<void(std::int64_t)> on_bytes_;
};

}  // namespace saccade::nn
