// Numbers that wait on the disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace saccade::engine {

/// A temporary file of floats, written once and read once from its beginning. It has no name, so
/// that nothing of it is left however the process ends.
class SpillFile {
 public:
  /// In the directory that TMPDIR names, or /tmp. Throws Error.
  SpillFile();
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Adds the values at the end. Throws Error, such as when the disk is full.
  void write(std::span<const float> values);
  /// Takes the next values. Throws Error when that many were not written.
  void read(std::span<float> values);

 private:
  std::string directory_;
  int file_ = -1;
  std::int64_t written_ = 0;  // bytes
  std::int64_t read_ = 0;
};

}  // namespace saccade::engine
