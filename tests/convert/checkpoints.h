// Comparing what conversions wrote with what they read.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "goldens.h"
#include "saccade/convert.h"
#include "temporary_directory.h"
#include "tensor/dequantize.h"

namespace saccade::conversion {

inline std::string golden(const std::string& family, const std::string& name) {
  return (goldens::root() / family / name).string();
}

/// The model that comes with Saccade.
inline std::string glance() {
  return std::string(SACCADE_SOURCE_DIR) + "/assets/glance";
}

/// All numbers of a tensor as float32.
inline std::vector<float> values_of(const checkpoint::Checkpoint& source, const std::string& name) {
  const HostTensor tensor = source.tensor(name);
  std::vector<float> values(tensor.shape.elements());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = float_at(tensor.data, tensor.dtype, static_cast<std::int64_t>(i));
  }
  return values;
}

/// What a test made, by name, so that nothing else may lie beside it.
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Every golden checkpoint of a family that we read, as (family, name).
inline std::vector<std::pair<std::string, std::string>> all_goldens() {
  std::vector<std::pair<std::string, std::string>> found;
  for (const std::string& name : goldens::all_checkpoints()) {
    const std::size_t slash = name.find('/');
    found.emplace_back(name.substr(0, slash), name.substr(slash + 1));
  }
  return found;
}

}  // namespace saccade::conversion
