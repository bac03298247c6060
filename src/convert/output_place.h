// Where a conversion writes until it is complete.
#pragma once

#include <filesystem>

namespace saccade::conversion {

/// A directory with a temporary name beside a destination. It is gone with this object unless its
/// contents were moved to where they belong.
class OutputPlace {
 public:
  /// Throws Error when `destination` exists already or nothing can be written beside it.
  explicit OutputPlace(const std::filesystem::path& destination);
  ~OutputPlace();
  OutputPlace(const OutputPlace&) = delete;
  OutputPlace& operator=(const OutputPlace&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Makes the directory itself the destination.
  void become_destination();
  /// Moves one file of it beside the destination. Throws Error when something has that name.
  void move_out(const std::string& name, const std::filesystem::path& to) const;

 private:
  std::filesystem::path destination_;
  std::filesystem::path path_;
};

/// Throws Error when there is something at `path`.
void refuse_existing(const std::filesystem::path& path);

}  // namespace saccade::conversion
