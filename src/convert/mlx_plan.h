// Which tensors an MLX directory gets, and what its config.json says of them.
#pragma once

#include <boost/json.hpp>
#include <vector>

#include "convert/target.h"
#include "convert/weight_stream.h"

namespace saccade::conversion {

struct MlxPlan {
  std::vector<WeightPlan> weights;  ///< in the order of their names
  boost::json::object config;       ///< config.json, with what was quantized and how
  std::int64_t left_unquantized = 0;
};

/// Plans what mlx-lm's and mlx-vlm's own conversions write: names as those programs have them,
/// kernels of convolutions with channels last, matrices of modules quantized where groups divide
/// their rows, tied output layers and buffers left out. Throws Error when nothing can be quantized
/// as asked.
MlxPlan plan_mlx(const checkpoint::Checkpoint& source, const Target& target);

/// Whether a tensor, by its Hugging Face name, belongs to a vision tower or a projector.
bool is_tower(std::string_view name);
/// The number of layers that the decoder's tensors have.
std::int64_t count_layers(const checkpoint::Checkpoint& source);
/// Whether --mixed gives a matrix of the decoder the higher width.
bool suffers_most(std::string_view name, std::int64_t layers);
/// Tensors that no program needs: buffers that are computed, and the output layer of a model that
/// uses its embeddings for it.
bool is_left_out(const checkpoint::Checkpoint& source, const std::string& name);
/// The type of floating-point numbers for a tensor that was dequantized.
DType dequantized_dtype(const checkpoint::Checkpoint& source);

}  // namespace saccade::conversion
