// The metadata and tensors of an mmproj, as sizes of a vision tower.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf.h"

namespace saccade::checkpoint {

/// An mmproj file. Each getter throws Error, naming file and key, for what is missing or out of
/// range.
class GgufTower {
 public:
  // No tower is near these; they keep what follows from the sizes in range.
  static constexpr std::int64_t kMostSize = 1 << 20;
  static constexpr std::int64_t kMostBlocks = 1 << 12;
  static constexpr std::int64_t kMostPatch = 1 << 10;
  static constexpr std::int64_t kMostMerge = 1 << 6;
  static constexpr std::int64_t kMostPixels = std::int64_t{1} << 40;

  explicit GgufTower(const GgufFile& file) : file_(file) {}

  /// A count or a length, 1 to `most`.
  std::int64_t size(const std::string& key, std::int64_t most = kMostSize) const {
    const auto value = file_.integer("clip.vision." + key);
    if (!value) fail("{}: clip.vision.{} is missing", file_.path().string(), key);
    if (*value < 1 || *value > most) {
      fail("{}: clip.vision.{} is {}; wanted 1 to {}", file_.path().string(), key, *value, most);
    }
    return *value;
  }
  std::int64_t size_or(const std::string& key, std::int64_t otherwise,
                       std::int64_t most = kMostSize) const {
    return file_.has("clip.vision." + key) ? size(key, most) : otherwise;
  }
  std::int64_t patch_size() const { return size("patch_size", kMostPatch); }
  std::int64_t block_count() const { return size("block_count", kMostBlocks); }
  std::int64_t merge_size() const { return size_or("spatial_merge_size", 2, kMostMerge); }
  /// Patches of a picture's side that become one, in towers for squares.
  std::int64_t scale_factor(std::int64_t otherwise) const {
    return size_or("projector.scale_factor", otherwise, kMostMerge);
  }
  /// Tokens of a square picture's side.
  std::int64_t tokens_side(std::int64_t otherwise) const {
    const std::int64_t patches = size("image_size") / patch_size();
    const std::int64_t scale = scale_factor(otherwise);
    if (patches < 1 || patches % scale != 0) {
      fail("{}: clip.vision.projector.scale_factor {} does not fit {} patches of {} in {}",
           file_.path().string(), scale, patches, patch_size(), size("image_size"));
    }
    return patches / scale;
  }
  double eps() const {
    return file_.number("clip.vision.attention.layer_norm_epsilon").value_or(1e-6);
  }
  boost::json::array numbers(const std::string& key) const {
    const std::vector<double> values = file_.numbers("clip.vision." + key);
    if (values.size() != 3) {
      fail("{}: clip.vision.{}: wanted three numbers, found {}", file_.path().string(), key,
           values.size());
    }
    return boost::json::array(values.begin(), values.end());
  }
  bool has(const std::string& tensor) const { return file_.tensors().contains(tensor); }
  /// The shape of a matrix that must be there.
  const Shape& matrix(const std::string& tensor) const {
    const Shape& shape = file_.entry(tensor).shape;
    if (shape.rank() != 2) {
      fail("{}: tensor {} has shape {}; wanted a matrix", file_.path().string(), tensor,
           shape.text());
    }
    return shape;
  }
  /// Rows of a matrix: the width of a map's output.
  std::int64_t outputs(const std::string& tensor) const { return matrix(tensor)[0]; }
  /// Old files have up and down the wrong way round, so the wider one tells.
  std::int64_t intermediate_size() const {
    return std::max(outputs("v.blk.0.ffn_up.weight"), outputs("v.blk.0.ffn_down.weight"));
  }
  std::string activation(const char* otherwise) const {
    if (file_.boolean("clip.use_gelu").value_or(false)) return "gelu_pytorch_tanh";
    if (file_.boolean("clip.use_silu").value_or(false)) return "silu";
    return otherwise;
  }
  const GgufFile& file() const { return file_; }

 private:
  const GgufFile& file_;
};

}  // namespace saccade::checkpoint
