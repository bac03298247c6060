#include "checkpoint/directory_source.h"

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/mlx_names.h"

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

/// A kernel of a convolution as Hugging Face has it, wherever MLX has put its channels.
void turn_kernel(const std::string& name, StoredWeight& weight, bool by_mlx) {
  const Shape stored = weight.info.shape;
  if (!is_convolution(name, stored) || !channels_last(stored, by_mlx)) return;
  weight.info.shape = with_channels_first(stored);
  weight.matrix = [open = std::move(weight.matrix), stored] {
    const HostMatrix kernel = open();
    return kernel.format.quantized() ? kernel : turned_channels(kernel, stored, false);
  };
}

/// Weights under their Hugging Face names. The layouts were read under the file's own, which are
/// those that config.json's overrides use.
StoredWeights hugging_face_weights(StoredWeights stored, const boost::json::value& config,
                                   bool by_mlx) {
  const MlxNames names = mlx_names(config);
  StoredWeights weights;
  for (auto& [name, weight] : stored) {
    turn_kernel(name, weight, by_mlx);
    weights.emplace(from_mlx_name(names, name), std::move(weight));
  }
  return weights;
}

}  // namespace

DirectorySource::DirectorySource(fs::path directory)
    : directory_(std::move(directory)),
      config_(read_json_file(check_directory(directory_) / "config.json")),
      files_(directory_),
      weights_(hugging_face_weights(find_weights(files_, config_, where("config.json")), config_,
                                    files_.written_by_mlx())) {
  for (const auto& [name, weight] : weights_) tensors_.emplace(name, weight.info);
}

std::vector<fs::path> DirectorySource::files() const {
  std::vector<fs::path> files = files_.paths();
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  return files;
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
