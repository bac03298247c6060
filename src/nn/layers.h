// Layers that model families share: linear maps, norms and gated MLPs.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compute/device.h"
#include "nn/weights.h"

namespace saccade::nn {

using compute::Device;

struct RmsNorm;

/// More rows than so many steps of a device, as large pictures have, are taken in pieces.
inline constexpr std::int64_t kLargeSteps = 4;

inline bool is_large(const Device& device, std::int64_t rows) {
  return rows > kLargeSteps * device.batch_tokens();
}

/// Calls run(first, count) for `rows` rows, piece by piece if they are many: what is between two
/// maps, and what a device makes of its input, then takes as much memory as one of its steps,
/// however large the picture. On a CPU pieces of 512 rows are as fast as all at once.
template <typename Run>
void in_pieces(const Device& device, std::int64_t rows, Run&& run) {
  const std::int64_t most = is_large(device, rows) ? device.batch_tokens() : rows;
  for (std::int64_t first = 0; first < rows; first += most) {
    run(first, std::min(most, rows - first));
  }
}

/// y = x w^T (+ bias)
struct Linear {
  LateWeight weight;  // [outputs, inputs]
  Tensor bias;        // [outputs] or empty

  /// Loads `name`.weight and, when wanted, `name`.bias.
  static Linear load(WeightLoader& weights, const std::string& name, std::int64_t outputs,
                     std::int64_t inputs, bool with_bias, compute::WeightUse use = {});
  /// Loads several maps of one input as one map whose outputs stand side by side.
  static Linear load_stacked(WeightLoader& weights, const std::vector<std::string>& names,
                             const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                             bool with_bias);
  /// The same with the rows of the first map in another order: row i is its row order[i].
  static Linear load_reordered(WeightLoader& weights, const std::vector<std::string>& names,
                               const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                               bool with_bias, std::span<const std::int64_t> order);
  /// Either, filled up with zeros: see WeightLoader::linear_map.
  static Linear load_padded(WeightLoader& weights, const std::vector<std::string>& names,
                            const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                            const std::vector<std::int64_t>& padded_outputs,
                            std::int64_t padded_inputs, bool with_bias,
                            compute::WeightUse use = {});

  /// Some outputs, range after range, as a map of its own that shares this one's weights; nothing
  /// where the device's layout does not allow it.
  std::optional<Linear> part(Device& device, std::span<const compute::OutputRange> ranges) const;

  /// x [rows, inputs], normed first where a norm is given -> [rows, outputs] for the next layer
  Tensor forward(Device& device, const Tensor& x, const RmsNorm* norm = nullptr) const;
  /// The same as f32, for what layers add to or what leaves the device.
  Tensor forward_f32(Device& device, const Tensor& x, const RmsNorm* norm = nullptr) const;
  /// y [rows, outputs] = what forward would give, in y's type
  void forward_to(Device& device, const Tensor& y, const Tensor& x,
                  const RmsNorm* norm = nullptr) const;
  /// y f32 [rows, outputs] += what forward would give
  void add_to(Device& device, const Tensor& y, const Tensor& x) const;
};

/// Root-mean-square norm (Zhang and Sennrich, 2019).
struct RmsNorm {
  Tensor weight;  // [size]
  float eps = 1e-6f;

  /// Loads `name`.weight; `unit_offset` when the file holds it less 1, as Gemma's do.
  static RmsNorm load(WeightLoader& weights, const std::string& name, std::int64_t size, float eps,
                      bool unit_offset = false);

  /// One without weights, which are 1.
  static RmsNorm plain(Device& device, std::int64_t size, float eps);

  /// x [rows, size] -> the same shape, for the next layer
  Tensor forward(Device& device, const Tensor& x) const;
  /// The same as f32, for what layers add to.
  Tensor forward_f32(Device& device, const Tensor& x) const;
  /// Norms each head of x [rows, heads * size] by itself, in place.
  void forward_heads(Device& device, const Tensor& x) const;
};

/// Layer norm (Ba et al., 2016).
struct LayerNorm {
  Tensor weight;  // [size]
  Tensor bias;    // [size]
  float eps = 1e-5f;

  /// Loads `name`.weight and `name`.bias.
  static LayerNorm load(WeightLoader& weights, const std::string& name, std::int64_t size,
                        float eps);

  /// x [rows, size] -> the same shape, for the next layer
  Tensor forward(Device& device, const Tensor& x) const;
  /// The same as f32, for what layers add to.
  Tensor forward_f32(Device& device, const Tensor& x) const;
};

/// down(activation(up(x)))
struct Mlp {
  Linear up;
  Linear down;
  compute::Activation activation = compute::Activation::kGelu;

  /// Loads the maps `up` and `down` with their biases.
  static Mlp load(WeightLoader& weights, const std::string& up, const std::string& down,
                  std::int64_t inputs, std::int64_t intermediate_size, std::int64_t outputs,
                  compute::Activation activation);

  /// x [rows, inputs] -> f32 [rows, outputs]
  Tensor forward_f32(Device& device, const Tensor& x) const;
  /// y f32 [rows, outputs] += what forward_f32 would give
  void add_to(Device& device, const Tensor& y, const Tensor& x) const;

 private:
  Tensor inner(Device& device, const Tensor& x) const;
};

/// down(activation(gate(x)) * up(x)) (Shazeer, 2020)
struct GatedMlp {
  Linear gate_up;  // gate above up
  Linear down;
  compute::Activation activation = compute::Activation::kSilu;

  /// Loads `name`.gate_proj, .up_proj and .down_proj. `outputs` are those of the last, 0: as many
  /// as there are inputs.
  static GatedMlp load(WeightLoader& weights, const std::string& name, std::int64_t hidden_size,
                       std::int64_t intermediate_size, bool with_bias,
                       compute::Activation activation, std::int64_t outputs = 0);

  /// The same from a file in which gate_up_proj holds gate above up.
  static GatedMlp load_fused(WeightLoader& weights, const std::string& name,
                             std::int64_t hidden_size, std::int64_t intermediate_size,
                             bool with_bias, compute::Activation activation);

  /// x [rows, hidden_size], normed first where a norm is given -> f32 [rows, outputs]
  Tensor forward_f32(Device& device, const Tensor& x, const RmsNorm* norm = nullptr) const;
  /// y f32 [rows, hidden_size] += what forward_f32 would give
  void add_to(Device& device, const Tensor& y, const Tensor& x,
              const RmsNorm* norm = nullptr) const;

 private:
  Tensor inner(Device& device, const Tensor& x, const RmsNorm* norm) const;
};

}  // namespace saccade::nn
