// What a conversion is asked to make of matrices.
#pragma once

#include <optional>

#include "saccade/convert.h"
#include "tensor/weight_format.h"

namespace saccade::conversion {

/// The formats of a conversion. Without `quantized` matrices keep what they have.
struct Target {
  std::optional<WeightFormat> quantized;  ///< kAffine: its dtype is that of each matrix
  std::optional<WeightFormat> high;       ///< with --mixed: of what suffers most
  std::optional<DType> dtype;             ///< of the rest
  bool towers = false;
  bool group_size_given = false;
};

/// Checks options against each other and the kind of destination. Throws Error (usage) naming what
/// is wanted.
Target read_target(const ConvertOptions& options, bool gguf);

/// The format in which MLX holds exactly the codes of a source's matrix, if there is one: its own
/// formats; integers with zero points and GGUF's simple types as affine or mxfp4.
std::optional<WeightFormat> mlx_equivalent(const HostMatrix& matrix);

}  // namespace saccade::conversion
