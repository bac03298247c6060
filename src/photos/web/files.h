// The page that `saccade photos serve` shows, as bytes in the program (cmake/embed_files.cmake).
#pragma once

#include <span>
#include <string_view>

namespace saccade::photos {

struct WebFile {
  std::string_view path;          ///< its name in this folder: "index.html", "grid.js"
  std::string_view content_type;  ///< what the HTTP header of that name says
  std::string_view digest;        ///< SHA-256 of the bytes in hexadecimal; for ETag
  std::span<const unsigned char> bytes;
};

/// All of them, by path. index.html is the page at /, the others stand under /assets/. The page
/// works under the Content-Security-Policy "default-src 'self'; img-src 'self' data:".
std::span<const WebFile> web_files();

}  // namespace saccade::photos
