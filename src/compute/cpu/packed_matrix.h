// The CPU's weight layout.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/weight.h"
#include "tensor/weight_format.h"

namespace saccade::compute::cpu {

/// Consecutive outputs of a matrix that are stored in one format, in panels of kPanel outputs; the
/// last panel is filled up with zeros. Float panels are [inputs, kPanel]: one vector load brings
/// the weights of sixteen outputs for one input, so products need no horizontal sums. For bf16 dot
/// products they are [(inputs + 1) / 2, kPanel, 2]. Quantized panels are laid out as quant_layout.h
/// says.
struct PackedSegment {
  std::int64_t first = 0;  ///< output
  std::int64_t outputs = 0;
  WeightType type = WeightType::kF32;  ///< of float panels
  std::optional<QuantLayout> layout;   ///< of quantized panels
  std::shared_ptr<void> data;
  std::vector<std::int32_t> input_order;  ///< column i belongs to this input; empty: to input i

  std::int64_t panels() const { return (outputs + kPanel - 1) / kPanel; }
  /// Products of integers are possible, not only of floats.
  bool integer() const { return layout && !layout->e4m3; }
  /// Integer products with this and another segment take the same rounded inputs.
  bool same_inputs(const PackedSegment& other) const {
    return layout->unit() == other.layout->unit() && layout->zero == other.layout->zero &&
           layout->has_offset() == other.layout->has_offset() && input_order == other.input_order;
  }
  std::int64_t bytes(std::int64_t inputs) const;
};

/// A matrix [outputs, inputs] packed in the formats of its file.
class PackedMatrix : public Weight {
 public:
  /// Stacks `parts` ([outputs_i, inputs] each) and packs them in parallel. With `bf16_pairs`, bf16
  /// and f16 become pairs for bf16 dot products; what f16 has more digits is rounded off then, to
  /// the nearest with ties to even, as the inputs of such products are. Where the matrix gates,
  /// quantized panels of its two halves lie side by side: QuantLayout::gates.
  PackedMatrix(std::span<const HostMatrix> parts, WeightUse use, bool bf16_pairs,
               ThreadPool& threads);

  std::int64_t bytes() const override;
  /// Ranges of whole panels, which lie in order.
  std::shared_ptr<const Weight> part(std::span<const OutputRange> ranges) const override;
  const std::vector<PackedSegment>& segments() const { return segments_; }
  /// The segment that holds an output.
  const PackedSegment& segment_of(std::int64_t output) const;

 private:
  PackedMatrix(std::vector<PackedSegment> segments, std::int64_t inputs);

  /// A range as a segment, or nothing if it is not one of whole panels in one format.
  std::optional<PackedSegment> panels_of(const OutputRange& range) const;

  std::vector<PackedSegment> segments_;
};

/// Writes elements [begin, begin + count) of a row of float panels, as stored, to `to`.
void copy_row(void* to, const PackedSegment& segment, std::int64_t inputs, std::int64_t output,
              std::int64_t begin, std::int64_t count);

/// The kernels' name for a dtype. Throws Error for one that has no kernels.
WeightType weight_type(DType dtype);

}  // namespace saccade::compute::cpu
