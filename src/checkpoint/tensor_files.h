// The safetensors files of a directory, as one set of tensors.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"

namespace saccade::checkpoint {

/// model.safetensors, or all files that model.safetensors.index.json names.
class TensorFiles {
 public:
  /// Throws Error when a file is missing or damaged, or when files and index disagree.
  explicit TensorFiles(const std::filesystem::path& directory);

  /// Names of all tensors with the file each lies in.
  const std::map<std::string, std::size_t, std::less<>>& names() const { return where_; }
  bool has(std::string_view name) const { return where_.contains(name); }
  /// Throws Error when there is no such tensor.
  StoredTensor get(std::string_view name) const;
  /// A tensor of floating-point numbers; throws Error when it is missing or something else.
  HostTensor tensor(std::string_view name) const;
  void release(std::string_view name) const;
  std::vector<std::filesystem::path> paths() const;
  /// Whether MLX wrote the files: their metadata say so.
  bool written_by_mlx() const;

 private:
  const SafetensorsFile& file_of(std::string_view name) const;
  void open_sharded(const std::filesystem::path& index);
  void add_file(const std::filesystem::path& path);

  std::filesystem::path directory_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> where_;  // tensor -> index in files_
};

}  // namespace saccade::checkpoint
