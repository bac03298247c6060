// The weight formats that Saccade reads and writes.
#pragma once

#include <string>
#include <vector>

namespace saccade {

struct FormatInfo {
  std::string name;            ///< "Q4_K", "4-bit in groups"
  std::string files;           ///< where it is met: "MLX", "GGUF", ...
  double bits_per_weight = 0;  ///< scales included; of the usual group size
  std::string products;        ///< "integer" where activations may be int8, else "float"
  std::string quantize;        ///< what `saccade convert --quantize` calls it, or empty
};

/// All formats, widest first within each kind of file.
std::vector<FormatInfo> weight_formats();

}  // namespace saccade
