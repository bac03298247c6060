// A model as a directory of files.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"

namespace saccade::checkpoint {

/// A Hugging Face checkpoint directory: config.json, one or more safetensors files, and the files
/// of tokenizer and processor beside them. Weights are mapped, not read.
class Checkpoint {
 public:
  /// Opens config.json and the headers of all weight files. Throws Error when something is missing,
  /// damaged or contradicts the index.
  explicit Checkpoint(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  /// config.json
  const boost::json::value& config() const { return config_; }
  std::string config_path() const { return (directory_ / "config.json").string(); }
  /// A JSON file of the directory, or nothing when it is not there. Throws Error if it is not JSON.
  std::optional<boost::json::value> optional_json(const std::string& file) const;
  bool has_file(const std::string& file) const;
  std::filesystem::path file(const std::string& name) const { return directory_ / name; }

  bool has(std::string_view name) const { return where_.contains(name); }
  /// Names of all tensors, sorted.
  std::vector<std::string> tensor_names() const;
  /// Throws Error naming the tensor when it is missing or its dtype is not supported.
  HostTensor tensor(std::string_view name) const;
  /// The tensor has been packed; its file pages may go.
  void release(std::string_view name) const;
  /// Bytes of all weight tensors.
  std::int64_t weight_bytes() const;
  const SafetensorsFile::Entry& entry(std::string_view name) const;

 private:
  void open_sharded(const std::filesystem::path& index);
  void add_file(const std::filesystem::path& path);

  std::filesystem::path directory_;
  boost::json::value config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> where_;  // tensor -> index in files_
};

/// The directory a MODEL argument means: an existing directory; `glance`, the model that comes with
/// Saccade (looked for under $SACCADE_ASSETS, beside the installed binary, and in the source tree);
/// or ORG/NAME, the snapshot in the local Hugging Face cache ($HF_HUB_CACHE, $HF_HOME/hub or
/// ~/.cache/huggingface/hub). Throws Error saying where it looked. Never touches the network.
std::filesystem::path resolve_model(const std::string& model);

}  // namespace saccade::checkpoint
