// What the media tests share: files, errors, and comparing pictures.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "media/image.h"

namespace saccade::media {

inline std::filesystem::path source_dir() {
  return SACCADE_SOURCE_DIR;
}
inline std::filesystem::path pixels_dir() {
  return source_dir() / "tests/goldens/pixels";
}
inline std::filesystem::path data_dir() {
  return source_dir() / "tests/media/data";
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline Image decode_file(const std::filesystem::path& path) {
  return decode_image(as_bytes(read_text_file(path)), path.filename().string());
}

/// Runs `action`, which must throw Error, and gives its message, which must be one line.
template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), message.npos) << message;
    return message;
  }
  ADD_FAILURE() << "no Error was thrown";
  return {};
}

/// The largest difference of two samples; 256 when the sizes differ.
inline int max_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) return 256;
  int difference = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    difference = std::max(difference, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return difference;
}

}  // namespace saccade::media
