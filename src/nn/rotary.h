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

/// Slows all frequencies down by `factor` (position interpolation, Chen et al., 2023).
void scale_linear(std::span<float> frequencies, double factor);

/// How Llama 3.1 stretches its context: slow frequencies are divided by `factor`, fast ones stay,
/// and those between, by their turns over the original context, are mixed.
struct Llama3Scaling {
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_context = 8192.0;
};
void scale_llama3(std::span<float> frequencies, const Llama3Scaling& scaling);

/// Rotary angles whose frequencies look at several position axes: frequency i turns with the
/// position on axis axes[i].
struct RotaryAxes {
  std::vector<float> frequencies;  // [head_dim / 2]
  std::vector<int> axes;           // [head_dim / 2]
};

/// All frequencies turn with the one position of a token.
RotaryAxes text_rotary(std::vector<float> frequencies);

/// Multimodal rotary positions (Qwen2-VL, Wang et al., 2024): sections[a] consecutive frequencies
/// belong to axis a; the sections add up to the number of frequencies.
RotaryAxes multimodal_rotary(std::vector<float> frequencies,
                             std::span<const std::int64_t> sections);

/// The same with the axes dealt out in turn (Qwen3-VL): frequency i belongs to axis i % 3 while
/// that axis has frequencies left of its section, then to axis 0.
RotaryAxes interleaved_multimodal_rotary(std::vector<float> frequencies,
                                         std::span<const std::int64_t> sections);

/// Two-dimensional rotary positions of vision towers: the first half of the frequencies turns with
/// the row, the second half, the same frequencies again, with the column.
RotaryAxes image_rotary(double theta, int head_dim);

/// The same where the axes share the frequencies out: those of even index turn with the row, those
/// of odd index with the column (Pixtral).
RotaryAxes split_image_rotary(double theta, int head_dim);

/// The table for `rows` tokens whose positions are given axis by axis: positions[axis * rows +
/// row].
RotaryTable make_rotary_table(compute::Device& device, const RotaryAxes& rotary,
                              std::span<const std::int32_t> positions, std::int64_t rows);

}  // namespace saccade::nn
