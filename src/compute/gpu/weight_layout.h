// Which layout of gpu/kernels/weight.h a matrix gets on a GPU, and where its arrays stand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compute/gpu/kernels/weight.h"
#include "tensor/weight_format.h"

namespace saccade::compute::gpu {

using saccade::gpu::CodeKind;
using saccade::gpu::ScaleKind;
using saccade::gpu::WeightView;

/// The arrays of a segment, in the order in which they lie in memory.
enum class WeightArray : std::uint8_t { kLow, kHigh, kScales, kParts, kPartsHigh };
inline constexpr std::size_t kWeightArrays = 5;

/// An array of a segment: rows of equal size, one for every 2^row_shift outputs.
struct ArrayLayout {
  std::int64_t offset = 0;     ///< from the start of the segment's memory, a multiple of 256
  std::int64_t row_bytes = 0;  ///< 0: the segment has no such array
  int row_shift = 0;

  /// Bytes of the first `outputs` outputs.
  std::int64_t bytes(std::int64_t outputs) const {
    return ((outputs + (std::int64_t{1} << row_shift) - 1) >> row_shift) * row_bytes;
  }
};

/// Consecutive outputs of a weight that are stored in one format, one after the other as a single
/// matrix. Parts of a format that follow one another share a segment.
struct SegmentLayout {
  std::int64_t first = 0;  ///< output of the whole weight
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::vector<HostMatrix> parts{};  ///< whose memory must live until all rows are packed
  WeightView view{};                ///< sizes and kinds; the pointers are null
  std::array<ArrayLayout, kWeightArrays> arrays{};
  std::int64_t order_offset = 0;  ///< of the input order, i32 [inputs]
  std::int64_t bytes = 0;         ///< of the segment's memory

  const ArrayLayout& array(WeightArray name) const {
    return arrays[static_cast<std::size_t>(name)];
  }
  /// Blocks of rows that are packed at a time start at multiples of this.
  std::int64_t row_alignment() const {
    return std::int64_t{1} << array(WeightArray::kScales).row_shift;
  }
  /// Products of integers are possible, not only of floats.
  bool integer() const { return view.codes <= CodeKind::kTable4; }
};

/// The segments of `parts` ([outputs_i, inputs] each) stacked. Throws Error for a format that has
/// no layout and for parts of different widths. `halves`: bf16 becomes f16, so that matrix units
/// multiply it with activations of f16.
std::vector<SegmentLayout> weight_layout(std::span<const HostMatrix> parts, bool halves = false);

/// The view of a segment whose memory starts at `memory` (of the device, aligned to 256 bytes).
WeightView weight_view(const SegmentLayout& segment, const std::byte* memory);

}  // namespace saccade::compute::gpu
