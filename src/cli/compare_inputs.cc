#include "cli/compare_inputs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "cli/text_lines.h"

namespace saccade::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 10> kPictureEndings = {
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"};
constexpr std::string_view kSpace = " \t\r";

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& letter : ending) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return std::find(kPictureEndings.begin(), kPictureEndings.end(), ending) != kPictureEndings.end();
}

std::string trimmed(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(kSpace);
  if (begin == std::string::npos) return "";
  return line.substr(begin, line.find_last_not_of(kSpace) + 1 - begin);
}

}  // namespace

std::vector<std::string> list_pictures(const std::string& directory) {
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  std::vector<std::string> pictures;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (entry->is_regular_file(gone) && is_picture(entry->path())) {
      pictures.push_back(entry->path().string());
    }
  }
  if (error) fail("{}: wanted a directory of pictures: {}", directory, error.message());
  if (pictures.empty()) {
    fail("{}: no pictures; wanted files that end in .jpg, .png, .webp, .gif, .tiff, .heic or .avif",
         directory);
  }
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

std::vector<std::string> read_prompts(const std::string& path) {
  std::error_code status;
  if (fs::is_directory(path, status)) fail("{}: wanted a file of prompts, found a directory", path);
  std::ifstream file(path);
  if (!file) fail("{}: cannot be opened: {}", path, std::strerror(errno));
  std::vector<std::string> prompts;
  for (std::string line; std::getline(file, line);) {
    line = trimmed(line);
    if (!line.empty() && line.front() != '#') prompts.push_back(valid_utf8(line));
  }
  if (file.bad()) fail("{}: cannot be read: {}", path, std::strerror(errno));
  if (prompts.empty()) fail("{}: no prompts; wanted one on each line", path);
  return prompts;
}

}  // namespace saccade::cli
