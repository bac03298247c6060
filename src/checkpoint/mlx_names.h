// Names of tensors in MLX directories (mlx-vlm's `sanitize`) and in Hugging Face ones.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/weight_format.h"

namespace saccade::checkpoint {

/// A prefix of tensor names in both. What comes earlier in a table counts.
struct MlxPrefix {
  std::string hugging_face;
  std::string mlx;
};

/// The prefixes that MLX changes for a model, and those that it changes back from. Text models, and
/// families whose names MLX keeps, have none.
struct MlxNames {
  std::vector<MlxPrefix> to_mlx;
  std::vector<MlxPrefix> to_hugging_face;
};

/// The table for a config.json, by its `model_type`.
MlxNames mlx_names(const boost::json::value& config);

/// The MLX name of a Hugging Face tensor, and back. Names that no prefix matches stay.
std::string to_mlx_name(const MlxNames& names, std::string_view name);
std::string from_mlx_name(const MlxNames& names, std::string_view name);

/// Whether a tensor is the kernel of a convolution, by its name and rank: [outputs, channels, ...].
bool is_convolution(std::string_view name, const Shape& shape);
/// Whether a kernel has its channels last, as MLX keeps it: kernels are square. `by_mlx` decides
/// where channels and sides are equally many.
bool channels_last(const Shape& shape, bool by_mlx);
/// [outputs, channels, ...] -> [outputs, ..., channels], and back.
Shape with_channels_last(const Shape& shape);
Shape with_channels_first(const Shape& shape);

/// A kernel's numbers in the other order; `shape` is the stored one. The result owns its memory.
HostMatrix turned_channels(const HostMatrix& kernel, const Shape& shape, bool to_last);

}  // namespace saccade::checkpoint
