// A weight matrix in a GPU's memory.
#pragma once

#include <memory>
#include <vector>

#include "compute/gpu/weight_layout.h"
#include "compute/weight.h"

namespace saccade::compute::gpu {

/// A stretch of outputs in one format, as kernels take it.
struct GpuSegment {
  std::int64_t first = 0;  ///< output
  std::int64_t outputs = 0;
  bool integer = false;  ///< products of integers are possible
  std::int64_t bytes = 0;
  std::shared_ptr<void> memory;
  WeightView view{};

  bool plain_floats() const { return view.scale_kind == ScaleKind::kNone; }
};

class GpuWeight : public Weight {
 public:
  GpuWeight(std::int64_t outputs, std::int64_t inputs, std::vector<GpuSegment> segments)
      : Weight(outputs, inputs), segments_(std::move(segments)) {}

  std::int64_t bytes() const override {
    std::int64_t total = 0;
    for (const GpuSegment& segment : segments_) total += segment.bytes;
    return total;
  }
  const std::vector<GpuSegment>& segments() const { return segments_; }

 private:
  std::vector<GpuSegment> segments_;
};

}  // namespace saccade::compute::gpu
