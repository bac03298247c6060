#include "model_copy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace saccade::cli {
namespace fs = std::filesystem;

std::string golden_model(const std::string& name) {
  return std::string(SACCADE_SOURCE_DIR) + "/tests/goldens/qwen2_5_vl/" + name;
}

std::string golden_image(const std::string& name) {
  return std::string(SACCADE_SOURCE_DIR) + "/tests/goldens/images/" + name;
}

ModelCopy::ModelCopy(const std::string& name) {
  fs::copy(golden_model(name), path(), fs::copy_options::recursive);
}

std::string ModelCopy::read(const std::string& name) const {
  return read_file(file(name));
}

void ModelCopy::write(const std::string& name, const std::string& content) const {
  std::ofstream(file(name), std::ios::binary) << content;
}

void ModelCopy::remove(const std::string& name) const {
  fs::remove(file(name));
}

void ModelCopy::replace(const std::string& name, const std::string& from,
                        const std::string& to) const {
  std::string content = read(name);
  const std::size_t at = content.find(from);
  ASSERT_NE(at, std::string::npos) << name << " lacks " << from;
  write(name, content.replace(at, from.size(), to));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace saccade::cli
