#include "checkpoint/tensor_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace saccade::checkpoint {
namespace fs = std::filesystem;
namespace {

bool is_file(const fs::path& path) {
  std::error_code status;
  return fs::is_regular_file(path, status);
}

}  // namespace

TensorFiles::TensorFiles(const fs::path& directory) : directory_(directory) {
  if (is_file(directory / "model.safetensors.index.json")) {
    open_sharded(directory / "model.safetensors.index.json");
  } else if (is_file(directory / "model.safetensors")) {
    add_file(directory / "model.safetensors");
  } else {
    fail("{}: no weights: neither model.safetensors nor model.safetensors.index.json is there",
         directory.string());
  }
}

void TensorFiles::open_sharded(const fs::path& index) {
  const boost::json::value document = read_json_file(index);
  const JsonObject root(document, index.string());
  const JsonObject map = root.object("weight_map");
  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, shard] : map.raw()) {
    const std::string name = map.string(tensor);
    // A shard is a file of this directory and nothing else.
    if (name.empty() || name.find('/') != std::string::npos || name.starts_with(".")) {
      fail("{}: tensor {} in \"{}\": wanted a file name", index.string(), std::string(tensor),
           name);
    }
    if (opened.contains(name)) continue;
    if (!is_file(directory_ / name)) {
      fail("{}: weight file {} is missing; the index names it. Fetch it again", directory_.string(),
           name);
    }
    opened.emplace(name, files_.size());
    add_file(directory_ / name);
  }
  for (const auto& [tensor, shard] : map.raw()) {
    const auto found = where_.find(std::string_view(tensor));
    if (found == where_.end() || found->second != opened.at(map.string(tensor))) {
      fail("{}: tensor {} is not in {}", index.string(), std::string(tensor), map.string(tensor));
    }
  }
}

void TensorFiles::add_file(const fs::path& path) {
  files_.emplace_back(path);
  for (const auto& [name, entry] : files_.back().entries()) {
    if (!where_.emplace(name, files_.size() - 1).second) {
      fail("{}: tensor {} is also in {}", path.string(), name,
           files_[where_.at(name)].path().string());
    }
  }
}

const SafetensorsFile& TensorFiles::file_of(std::string_view name) const {
  const auto found = where_.find(name);
  if (found == where_.end()) fail("{}: tensor {} is missing", directory_.string(), name);
  return files_[found->second];
}

StoredTensor TensorFiles::get(std::string_view name) const {
  return file_of(name).get(name);
}

HostTensor TensorFiles::tensor(std::string_view name) const {
  return file_of(name).tensor(name);
}

void TensorFiles::release(std::string_view name) const {
  file_of(name).release(name);
}

std::vector<std::filesystem::path> TensorFiles::paths() const {
  std::vector<std::filesystem::path> paths;
  for (const SafetensorsFile& file : files_) paths.push_back(file.path());
  return paths;
}

bool TensorFiles::written_by_mlx() const {
  return std::any_of(files_.begin(), files_.end(),
                     [](const SafetensorsFile& file) { return file.format() == "mlx"; });
}

}  // namespace saccade::checkpoint
