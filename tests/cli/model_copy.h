// Tiny checkpoints to try the program on, and broken copies of them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "temporary_directory.h"

namespace saccade::cli {

/// A random-weight checkpoint of tests/goldens/qwen2_5_vl.
std::string golden_model(const std::string& name = "saved_f32");
/// A picture of tests/goldens/images.
std::string golden_image(const std::string& name = "odd_61x97.png");

/// A copy of a checkpoint whose files can be changed.
class ModelCopy {
 public:
  explicit ModelCopy(const std::string& name = "saved_f32");

  std::string path() const { return folder_.file("model"); }
  std::string file(const std::string& name) const { return path() + "/" + name; }
  std::string read(const std::string& name) const;
  void write(const std::string& name, const std::string& content) const;
  void remove(const std::string& name) const;
  /// Replaces the first `from` of a file, which must be there.
  void replace(const std::string& name, const std::string& from, const std::string& to) const;

 private:
  TemporaryDirectory folder_;
};

std::string read_file(const std::string& path);

}  // namespace saccade::cli
