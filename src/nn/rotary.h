// Rotary position embedding (Su et al., 2021), in one and in several axes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/device.h"

namespace saccade::nn {

/// Cosines and sines for Device::rotary, [rows, frequencies] each.
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

/// How YaRN (Peng et al., 2023) stretches a context: frequencies that turn less than beta_slow
/// times over the original one are divided by `factor`, those that turn more than beta_fast times
/// stay, those between are mixed by their index; and cosines and sines are scaled.
struct YarnScaling {
  double factor = 1.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double original_context = 4096.0;
  bool truncate = true;  ///< the ends of the mixed range are whole indices
};
void scale_yarn(std::span<float> frequencies, double theta, const YarnScaling& scaling);

/// Rotary angles whose frequencies look at several position axes: frequency i turns with the
/// position on axis axes[i].
struct RotaryAxes {
  std::vector<float> frequencies;  // [head_dim / 2], fewer where the rest of a head does not turn
  std::vector<int> axes;           // [frequencies.size()]
  float scale = 1.0f;              // of cosines and sines
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

/// A way of turning as the device wants it.
struct Rotary {
  Tensor frequencies;  // [head_dim / 2] or fewer
  Tensor axes;         // int32 [frequencies.size()]
  float scale = 1.0f;

  static Rotary load(compute::Device& device, const RotaryAxes& rotary);
  /// The table for tokens whose positions on each axis are int32 [axes, rows].
  RotaryTable table(compute::Device& device, const Tensor& positions) const;
};

/// The table for `rows` tokens whose positions are given axis by axis: positions[axis * rows +
/// row].
RotaryTable make_rotary_table(compute::Device& device, const RotaryAxes& rotary,
                              std::span<const std::int32_t> positions, std::int64_t rows);

}  // namespace saccade::nn
