// A model as people have it on disk.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/source.h"

namespace saccade::checkpoint {

/// A checkpoint: a Hugging Face directory, quantized or not, an MLX directory or a GGUF file, all
/// presented as the Hugging Face directory they are or came from. Weights are mapped, not read.
class Checkpoint {
 public:
  /// Opens the configuration and the headers of all weight files of a directory, or a GGUF file.
  /// `mmproj` is the GGUF file of a vision tower; when empty, one that lies beside the model and
  /// fits is taken. Throws Error when something is missing, damaged or contradicts itself.
  explicit Checkpoint(const std::filesystem::path& path, const std::filesystem::path& mmproj = {});
  explicit Checkpoint(std::shared_ptr<const Source> source);

  /// How errors call the model, and one of its files.
  std::string where() const { return source_->where(); }
  std::string where(const std::string& file) const { return source_->where(file); }
  /// The files that what the model computes depends on; empty: it has none.
  std::vector<std::filesystem::path> files() const { return source_->files(); }
  /// config.json
  const boost::json::value& config() const { return config_; }
  /// A file of the directory as JSON or as text, or nothing when it is not there. Throws Error if
  /// it is not JSON.
  std::optional<boost::json::value> optional_json(const std::string& file) const;
  std::optional<std::string> optional_text(const std::string& file) const;
  /// Throws Error when there is no such file.
  boost::json::value json(const std::string& file) const;

  bool has(std::string_view name) const { return source_->tensors().contains(name); }
  /// All tensors by name.
  const std::map<std::string, TensorInfo, std::less<>>& tensors() const {
    return source_->tensors();
  }
  /// Throws Error naming the tensor when it is missing.
  const TensorInfo& info(std::string_view name) const;
  /// A tensor of floating-point numbers; a quantized one is dequantized to f32. Throws Error naming
  /// the tensor when it is missing or of a type Saccade cannot read.
  HostTensor tensor(std::string_view name) const;
  /// A matrix in its stored format, as parts stacked along the outputs. Throws like tensor().
  std::vector<HostMatrix> matrix(std::string_view name) const;
  /// The tensor has been packed; its file pages may go.
  void release(std::string_view name) const;
  /// Bytes of all weight tensors.
  std::int64_t weight_bytes() const;

 private:
  std::shared_ptr<const Source> source_;
  boost::json::value config_;
};

/// The directory or GGUF file a MODEL argument means: an existing one (a directory may hold a
/// single GGUF model); `glance`, the model that comes with Saccade (looked for under
/// $SACCADE_ASSETS, beside the installed binary, and in the source tree); or ORG/NAME, the snapshot
/// in the local Hugging Face cache ($HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub).
/// Throws Error saying where it looked. Never touches the network.
std::filesystem::path resolve_model(const std::string& model);

}  // namespace saccade::checkpoint
