#include "nn/rotary.h"

#include <algorithm>
#include <cmath>

namespace saccade::nn {

std::vector<float> rotary_frequencies(double theta, int dim) {
  std::vector<float> frequencies(dim / 2);
  for (int i = 0; i < dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    frequencies[i] = 1.0f / std::pow(static_cast<float>(theta), exponent);
  }
  return frequencies;
}

void scale_linear(std::span<float> frequencies, double factor) {
  for (float& frequency : frequencies) frequency /= static_cast<float>(factor);
}

void scale_llama3(std::span<float> frequencies, const Llama3Scaling& scaling) {
  const auto factor = static_cast<float>(scaling.factor);
  const auto context = static_cast<float>(scaling.original_context);
  const auto low = static_cast<float>(scaling.low_freq_factor);
  const auto high = static_cast<float>(scaling.high_freq_factor);
  const auto longest = static_cast<float>(scaling.original_context / scaling.low_freq_factor);
  const auto shortest = static_cast<float>(scaling.original_context / scaling.high_freq_factor);
  for (float& frequency : frequencies) {
    const float wavelength = static_cast<float>(2.0 * M_PI) / frequency;
    if (wavelength > longest) {
      frequency /= factor;
    } else if (wavelength >= shortest) {
      const float smooth = (context / wavelength - low) / (high - low);
      frequency = (1.0f - smooth) * frequency / factor + smooth * frequency;
    }
  }
}

void scale_yarn(std::span<float> frequencies, double theta, const YarnScaling& scaling) {
  const auto count = static_cast<double>(frequencies.size());
  // The index of the frequency that turns so often over the original context.
  const auto index_of = [&](double turns) {
    return count * std::log(scaling.original_context / (turns * 2.0 * M_PI)) / std::log(theta);
  };
  double low = index_of(scaling.beta_fast);
  double high = index_of(scaling.beta_slow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, 2.0 * count - 1.0);
  if (low == high) high += 0.001;  // as the reference does, against a division by zero
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f,
        1.0f);
    const float stays = 1.0f - ramp;
    const float slowed = frequencies[i] / static_cast<float>(scaling.factor);
    frequencies[i] = slowed * (1.0f - stays) + frequencies[i] * stays;
  }
}

RotaryAxes text_rotary(std::vector<float> frequencies) {
  const std::size_t count = frequencies.size();
  return {std::move(frequencies), std::vector<int>(count, 0)};
}

RotaryAxes multimodal_rotary(std::vector<float> frequencies,
                             std::span<const std::int64_t> sections) {
  RotaryAxes rotary{std::move(frequencies), {}};
  for (std::size_t axis = 0; axis < sections.size(); ++axis) {
    rotary.axes.insert(rotary.axes.end(), sections[axis], static_cast<int>(axis));
  }
  return rotary;
}

RotaryAxes interleaved_multimodal_rotary(std::vector<float> frequencies,
                                         std::span<const std::int64_t> sections) {
  RotaryAxes rotary = text_rotary(std::move(frequencies));
  const auto axes = static_cast<std::int64_t>(sections.size());
  for (std::size_t i = 0; i < rotary.axes.size(); ++i) {
    const std::int64_t axis = static_cast<std::int64_t>(i) % axes;
    if (static_cast<std::int64_t>(i) / axes < sections[axis])
      rotary.axes[i] = static_cast<int>(axis);
  }
  return rotary;
}

RotaryAxes image_rotary(double theta, int head_dim) {
  const std::vector<float> half = rotary_frequencies(theta, head_dim / 2);
  RotaryAxes rotary;
  for (int axis = 0; axis < 2; ++axis) {
    rotary.frequencies.insert(rotary.frequencies.end(), half.begin(), half.end());
    rotary.axes.insert(rotary.axes.end(), half.size(), axis);
  }
  return rotary;
}

RotaryAxes split_image_rotary(double theta, int head_dim) {
  const std::vector<float> all = rotary_frequencies(theta, head_dim);
  RotaryAxes rotary;
  for (int axis = 0; axis < 2; ++axis) {
    for (std::size_t i = axis; i < all.size(); i += 2) {
      rotary.frequencies.push_back(all[i]);
      rotary.axes.push_back(axis);
    }
  }
  return rotary;
}

Rotary Rotary::load(compute::Device& device, const RotaryAxes& rotary) {
  Rotary loaded{device.empty(DType::kF32, {static_cast<std::int64_t>(rotary.frequencies.size())}),
                device.indices(std::vector<std::int32_t>(rotary.axes.begin(), rotary.axes.end())),
                rotary.scale};
  device.upload(loaded.frequencies, rotary.frequencies.data());
  return loaded;
}

RotaryTable Rotary::table(compute::Device& device, const Tensor& positions) const {
  const Shape shape{positions.size(1), frequencies.size(0)};
  RotaryTable table{device.empty(DType::kF32, shape), device.empty(DType::kF32, shape)};
  device.rotary_table(table.cos, table.sin, positions, frequencies, axes, scale);
  return table;
}

RotaryTable make_rotary_table(compute::Device& device, const RotaryAxes& rotary,
                              std::span<const std::int32_t> positions, std::int64_t rows) {
  const auto axes = rows > 0 ? static_cast<std::int64_t>(positions.size()) / rows : 1;
  const Tensor on_device = device.indices(positions.first(axes * rows));
  return Rotary::load(device, rotary).table(device, on_device.view_as({axes, rows}));
}

}  // namespace saccade::nn
