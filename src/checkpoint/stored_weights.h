// Which tensors of a directory together make one weight, in each of the quantized layouts in use.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/source.h"
#include "checkpoint/tensor_files.h"

namespace saccade::checkpoint {

/// One weight: codes with their scales, or plain numbers.
struct StoredWeight {
  TensorInfo info;
  std::vector<std::string> tensors;    ///< all that it is stored in
  std::function<HostMatrix()> matrix;  ///< opens it; layouts that kernels cannot read are rewritten
};

using StoredWeights = std::map<std::string, StoredWeight, std::less<>>;

/// All weights of a directory, by the name of the module's `weight`. Understands plain tensors,
/// MLX's affine, mxfp4, mxfp8 and nvfp4 modes, compressed-tensors' pack-quantized integers, AWQ,
/// GPTQ and fp8 with scales for blocks, rows or the whole. Throws Error when config.json and the
/// tensors contradict each other, or for a layout that is not known.
/// `config` and `files` must outlive what is returned.
StoredWeights find_weights(const TensorFiles& files, const boost::json::value& config,
                           const std::string& where);

}  // namespace saccade::checkpoint
