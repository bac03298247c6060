#include "checkpoint/directory_source.h"

#include "base/error.h"
#include "base/json.h"

namespace saccade::checkpoint {
namespace fs = std::filesystem;
namespace {

const fs::path& check_directory(const fs::path& directory) {
  std::error_code status;
  if (!fs::is_directory(directory, status)) {
    fail("{}: not a directory; wanted a Hugging Face checkpoint directory", directory.string());
  }
  if (!fs::is_regular_file(directory / "config.json", status)) {
    fail("{}: no config.json in it; wanted a Hugging Face checkpoint directory",
         directory.string());
  }
  return directory;
}

}  // namespace

DirectorySource::DirectorySource(fs::path directory)
    : directory_(std::move(directory)),
      config_(read_json_file(check_directory(directory_) / "config.json")),
      files_(directory_),
      weights_(find_weights(files_, config_, where("config.json"))) {
  for (const auto& [name, weight] : weights_) tensors_.emplace(name, weight.info);
}

std::string DirectorySource::where(const std::string& file) const {
  return (directory_ / file).string();
}

std::optional<std::string> DirectorySource::text(const std::string& file) const {
  std::error_code status;
  if (!fs::is_regular_file(directory_ / file, status)) return std::nullopt;
  return read_text_file(directory_ / file);
}

std::optional<boost::json::value> DirectorySource::json(const std::string& file) const {
  const auto contents = text(file);
  if (!contents) return std::nullopt;
  return parse_json(*contents, where(file));
}

std::vector<HostMatrix> DirectorySource::matrix(const std::string& name) const {
  return {weights_.at(name).matrix()};
}

void DirectorySource::release(const std::string& name) const {
  for (const std::string& tensor : weights_.at(name).tensors) files_.release(tensor);
}

}  // namespace saccade::checkpoint
