// Taking a checkpoint's tensors to a device, by name and with their shapes checked.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "compute/device.h"
#include "nn/late_weight.h"
#include "nn/used_tensors.h"

namespace saccade::nn {

/// How a model's weights are loaded.
struct LoadOptions {
  /// Told the bytes of each tensor as it is loaded; those of deferred ones when they are checked.
  std::function<void(std::int64_t)> on_bytes = {};
  /// Linear maps of towers and projectors that the file holds as floats are rounded to 8 bits, each
  /// 32 inputs with a scale (Q8_0), so that devices can multiply integers.
  bool int8_towers = false;
  /// Where it is given, linear maps of towers and projectors are put there and packed later.
  DeferredWeights* deferred = nullptr;
  /// Where it is given, told which tensors are loaded or left out.
  UsedTensors* used = nullptr;
  int threads = 0;  ///< that round weights; 0: one for each core
};

/// Loads the tensors of one model. Every getter throws Error naming the tensor, the shape that
/// config.json implies and the shape found. File pages are let go as soon as they are packed.
class WeightLoader {
 public:
  WeightLoader(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
               LoadOptions options = {});

  /// While it lives, what is loaded is a decoder's: packed at once, as the file holds it.
  class OfDecoder {
   public:
    explicit OfDecoder(WeightLoader& weights) : weights_(weights) { weights_.of_decoder_ = true; }
    ~OfDecoder() { weights_.of_decoder_ = false; }
    OfDecoder(const OfDecoder&) = delete;
    OfDecoder& operator=(const OfDecoder&) = delete;

   private:
    WeightLoader& weights_;
  };

  compute::Device& device() const { return device_; }
  bool has(const std::string& name) const { return checkpoint_.has(name); }
  /// Tensors whose names begin so belong to the model, and it runs without them.
  void leave_out(const std::string& prefix) {
    if (options_.used) options_.used->leave_out(prefix);
  }

  /// A matrix [outputs, inputs]; trailing dimensions of the stored tensor count as inputs, so a
  /// convolution over patches loads as the product it is.
  std::shared_ptr<const compute::Weight> matrix(const std::string& name, std::int64_t outputs,
                                                std::int64_t inputs);
  /// Matrices [outputs[i], inputs] stacked along the outputs, for one product instead of several;
  /// their formats may differ. Where an order is given, row i of the first is its row order[i].
  std::shared_ptr<const compute::Weight> stacked(const std::vector<std::string>& names,
                                                 const std::vector<std::int64_t>& outputs,
                                                 std::int64_t inputs,
                                                 std::span<const std::int64_t> order = {},
                                                 compute::WeightUse weight_use = {});
  /// The matrices [outputs, inputs] of experts that a file holds as one tensor [experts, outputs,
  /// inputs] or, as some are published, [experts, inputs, outputs]. Told apart by the shape alone,
  /// as transformers does; where both fit, it is the former.
  std::vector<std::shared_ptr<const compute::Weight>> experts(const std::string& name,
                                                              std::int64_t count,
                                                              std::int64_t outputs,
                                                              std::int64_t inputs,
                                                              compute::WeightUse weight_use = {});
  /// The same for a linear map, which may be packed later and rounded to 8 bits. Each matrix is
  /// filled up with zeros to padded_outputs[i], all to padded_inputs; other than the true
  /// sizes they may be where fills(names).
  LateWeight linear_map(const std::vector<std::string>& names,
                        const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                        const std::vector<std::int64_t>& padded_outputs, std::int64_t padded_inputs,
                        compute::WeightUse weight_use = {});
  /// The kernel [outputs, channels, kernel, kernel] of a convolution as the linear map of windows
  /// that Device::im2col makes: [outputs, kernel * kernel * channels]. Packed and rounded like
  /// linear_map's.
  LateWeight convolution(const std::string& name, std::int64_t outputs, std::int64_t channels,
                         int kernel);
  /// The kernel [outputs, 1, kernel, kernel] of a convolution of single channels as f32 [kernel *
  /// kernel, outputs].
  Tensor depthwise_kernel(const std::string& name, std::int64_t outputs, int kernel);
  /// Whether all these matrices are to be rounded, if their inputs are whole groups.
  bool rounds(const std::vector<std::string>& names) const;
  /// Whether all these matrices can be filled up with zeros: floats of a tower.
  bool fills(const std::vector<std::string>& names) const;
  /// A matrix [rows, columns] as a dense f32 tensor, for tables such as position embeddings.
  /// Dimensions of 1 do not count: files disagree on whether such a table has one more of them.
  /// Rows may stand in a dimension of groups.
  Tensor table(const std::string& name, std::int64_t rows, std::int64_t columns);
  /// The elements of a tensor of any shape, as f32 in host memory, for layers that bring them into
  /// an order of their own.
  std::vector<float> values(const std::string& name, const Shape& shape);
  /// A vector as f32.
  Tensor vector(const std::string& name, std::int64_t elements);
  /// Vectors one after the other, as f32, each filled up with zeros to padded[i]. Where an order is
  /// given, element i of the first is its element order[i].
  Tensor joined(const std::vector<std::string>& names, const std::vector<std::int64_t>& elements,
                const std::vector<std::int64_t>& padded, std::span<const std::int64_t> order = {});

 private:
  std::vector<HostMatrix> checked(const std::string& name, std::int64_t outputs,
                                  std::int64_t inputs) const;
  /// A tensor has been packed, or will be.
  void use(const std::string& name) {
    if (options_.used) options_.used->add(name);
  }
  void loaded(const std::string& name, std::int64_t bytes);
  /// A matrix of the tensors `names`, packed later if that is asked for. `parts` makes of the
  /// checkpoint what is packed.
  using MakeParts = std::function<std::vector<HostMatrix>(const checkpoint::Checkpoint&)>;
  LateWeight late(const std::vector<std::string>& names, MakeParts parts,
                  compute::WeightUse weight_use = {});
  void check_shape(const std::string& name, const Shape& wanted) const;

  void check(const std::string& name, std::int64_t outputs, std::int64_t inputs) const;

  const checkpoint::Checkpoint& checkpoint_;
  compute::Device& device_;
  LoadOptions options_;
  bool of_decoder_ = false;
  std::shared_ptr<const checkpoint::Checkpoint> shared_;  // a copy that outlives the loader
};

}  // namespace saccade::nn
