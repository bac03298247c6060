// Rotary position embedding (Su et al., 2021), in one and in several axes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/device.h"

namespace saccade::nn {

/// Cosines and sines for Device::rotary, [rows, head_dim / 2] each.
struct RotaryTable {
  Tensor cos;
  Tensor sin;
};

/// theta^(-2 i / dim) for i in [0, dim / 2), rounded as transformers rounds it (float32
/// throughout).
std::vector<float> rotary_frequencies(double theta, int dim);

/// Rotary angles whose frequencies look at several position axes: frequency i turns with the
/// position on axis axes[i].
struct RotaryAxes {
  std::vector<float> frequencies;  // [head_dim / 2]
  std::vector<int> axes;           // [head_dim / 2]
};

/// Multimodal rotary positions (Qwen2-VL, Wang et al., 2024): sections[a] consecutive frequencies
/// belong to axis a; the sections add up to head_dim / 2.
RotaryAxes multimodal_rotary(double theta, int head_dim, std::span<const std::int64_t> sections);

/// Two-dimensional rotary positions of vision towers: the first half of the frequencies turns with
/// the row, the second half, the same frequencies again, with the column.
RotaryAxes image_rotary(double theta, int head_dim);

/// The table for `rows` tokens whose positions are given axis by axis: positions[axis * rows +
/// row].
RotaryTable make_rotary_table(compute::Device& device, const RotaryAxes& rotary,
                              std::span<const std::int32_t> positions, std::int64_t rows);

}  // namespace saccade::nn
