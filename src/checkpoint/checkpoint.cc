#include "checkpoint/checkpoint.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace saccade::checkpoint {
namespace fs = std::filesystem;

Checkpoint::Checkpoint(fs::path directory) : directory_(std::move(directory)) {
  std::error_code status;
  if (!fs::is_directory(directory_, status)) {
    fail("{}: not a directory; wanted a Hugging Face checkpoint directory", directory_.string());
  }
  if (!has_file("config.json")) {
    fail("{}: no config.json in it; wanted a Hugging Face checkpoint directory",
         directory_.string());
  }
  config_ = read_json_file(file("config.json"));
  if (has_file("model.safetensors.index.json")) {
    open_sharded(file("model.safetensors.index.json"));
  } else if (has_file("model.safetensors")) {
    add_file(file("model.safetensors"));
  } else {
    fail("{}: no weights: neither model.safetensors nor model.safetensors.index.json is there",
         directory_.string());
  }
}

bool Checkpoint::has_file(const std::string& name) const {
  std::error_code status;
  return fs::is_regular_file(file(name), status);
}

std::optional<boost::json::value> Checkpoint::optional_json(const std::string& name) const {
  if (!has_file(name)) return std::nullopt;
  return read_json_file(file(name));
}

void Checkpoint::open_sharded(const fs::path& index) {
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
    if (!has_file(name)) {
      fail("{}: weight file {} is missing; the index names it. Fetch it again", directory_.string(),
           name);
    }
    opened.emplace(name, files_.size());
    add_file(file(name));
  }
  for (const auto& [tensor, shard] : map.raw()) {
    const auto found = where_.find(std::string_view(tensor));
    if (found == where_.end() || found->second != opened.at(map.string(tensor))) {
      fail("{}: tensor {} is not in {}", index.string(), std::string(tensor), map.string(tensor));
    }
  }
}

void Checkpoint::add_file(const fs::path& path) {
  files_.emplace_back(path);
  for (const auto& [name, entry] : files_.back().entries()) {
    if (!where_.emplace(name, files_.size() - 1).second) {
      fail("{}: tensor {} is also in {}", path.string(), name,
           files_[where_.at(name)].path().string());
    }
  }
}

std::vector<std::string> Checkpoint::tensor_names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : where_) names.push_back(name);
  return names;
}

const SafetensorsFile::Entry& Checkpoint::entry(std::string_view name) const {
  const auto found = where_.find(name);
  if (found == where_.end()) fail("{}: tensor {} is missing", directory_.string(), name);
  return files_[found->second].entries().find(name)->second;
}

HostTensor Checkpoint::tensor(std::string_view name) const {
  const auto found = where_.find(name);
  if (found == where_.end()) fail("{}: tensor {} is missing", directory_.string(), name);
  return files_[found->second].tensor(name);
}

void Checkpoint::release(std::string_view name) const {
  const auto found = where_.find(name);
  if (found != where_.end()) files_[found->second].release(name);
}

std::int64_t Checkpoint::weight_bytes() const {
  std::int64_t bytes = 0;
  for (const SafetensorsFile& file : files_) {
    for (const auto& [name, entry] : file.entries()) {
      bytes += static_cast<std::int64_t>(entry.end - entry.begin);
    }
  }
  return bytes;
}

}  // namespace saccade::checkpoint
