// Weights packed for the GPU kernels, in host memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "compute/gpu/weight_pack.h"

namespace saccade::compute::gpu {

/// Memory of one segment, filled block by block as a device is, starting at a multiple of 256.
class PackedSegment {
 public:
  PackedSegment(const SegmentLayout& layout, ThreadPool& threads, std::int64_t block_rows)
      : memory_(layout.bytes + kAlignment, std::byte{0xcd}) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    start_ = memory_.data() + (kAlignment - address % kAlignment) % kAlignment;
    const std::int64_t step = layout.row_alignment();
    block_rows = (block_rows + step - 1) / step * step;
    std::vector<std::byte> staging(staging_bytes(layout, block_rows));
    for (std::int64_t first = 0; first < layout.outputs; first += block_rows) {
      const std::int64_t rows = std::min(block_rows, layout.outputs - first);
      for (const WeightCopy& copy : pack_rows(layout, first, rows, staging.data(), threads)) {
        std::memcpy(start_ + copy.to, staging.data() + copy.from, copy.bytes);
      }
    }
    view_ = weight_view(layout, start_);
  }

  const WeightView& view() const { return view_; }

 private:
  static constexpr std::size_t kAlignment = 256;
  std::vector<std::byte> memory_;
  std::byte* start_ = nullptr;
  WeightView view_{};
};

}  // namespace saccade::compute::gpu
