// The layouts that stored_weights.h tells apart. Each function makes the weight of the module
// `module` ("model.layers.0.mlp.up_proj") or throws Error naming the tensor that does not fit.
#pragma once

#include <string>

#include "base/json.h"
#include "checkpoint/stored_weights.h"

namespace saccade::checkpoint {

/// What a layout is read from.
struct LayoutInput {
  const TensorFiles& files;
  JsonObject settings;  ///< the quantization entry of config.json
  std::string module;

  StoredTensor tensor(const std::string& suffix) const { return files.get(module + suffix); }
  bool has(const std::string& suffix) const { return files.has(module + suffix); }
};

/// A weight whose HostMatrix points into the files. `experts` leading dimensions count as outputs.
StoredWeight make_weight(const HostMatrix& matrix, const Shape& shape,
                         std::vector<std::string> tensors);

/// MLX: `weight` of u32 words, `scales`, and `biases` in affine mode.
StoredWeight mlx_weight(const LayoutInput& input);
/// `weight` of F8_E4M3 with `weight_scale_inv` or `weight_scale`, or without.
StoredWeight fp8_weight(const LayoutInput& input);
/// compressed-tensors: `weight_packed`, `weight_scale`, `weight_shape`.
StoredWeight packed_int_weight(const LayoutInput& input);
/// `qweight`, `qzeros`, `scales` as AutoAWQ writes them.
StoredWeight awq_weight(const LayoutInput& input);
/// `qweight`, `qzeros`, `scales`, `g_idx` as AutoGPTQ and GPTQModel write them.
StoredWeight gptq_weight(const LayoutInput& input);

}  // namespace saccade::checkpoint
