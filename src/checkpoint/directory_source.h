// Hugging Face directories, those of MLX included.
#pragma once

#include <filesystem>

#include "checkpoint/source.h"
#include "checkpoint/stored_weights.h"
#include "checkpoint/tensor_files.h"

namespace saccade::checkpoint {

/// config.json, one or more safetensors files, and the files of tokenizer and processor beside
/// them.
class DirectorySource : public Source {
 public:
  /// Throws Error when something is missing, damaged or contradicts itself.
  explicit DirectorySource(std::filesystem::path directory);

  std::string where() const override { return directory_.string(); }
  std::string where(const std::string& file) const override;
  std::optional<std::string> text(const std::string& file) const override;
  std::optional<boost::json::value> json(const std::string& file) const override;
  std::vector<std::filesystem::path> files() const override;
  const std::map<std::string, TensorInfo, std::less<>>& tensors() const override {
    return tensors_;
  }
  std::vector<HostMatrix> matrix(const std::string& name) const override;
  void release(const std::string& name) const override;

 private:
  std::filesystem::path directory_;
  boost::json::value config_;
  TensorFiles files_;
  StoredWeights weights_;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
};

}  // namespace saccade::checkpoint
