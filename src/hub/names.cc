#include "hub/names.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::hub {
namespace {

constexpr std::size_t kMaxRepositoryPart = 96;  // the Hub's own limit
constexpr std::size_t kMaxPath = 1024;
constexpr std::size_t kMaxPathPart = 255;

// Not <cctype>: what counts as a letter must not depend on the locale.
bool is_letter_or_digit(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

bool is_word_letter(char letter) {
  return is_letter_or_digit(letter) || letter == '.' || letter == '_' || letter == '-';
}

bool is_repository_part(std::string_view part) {
  return !part.empty() && part.size() <= kMaxRepositoryPart &&
         std::all_of(part.begin(), part.end(), is_word_letter) && is_word_letter(part.front()) &&
         part.front() != '.' && part.front() != '-' && part.find("..") == std::string_view::npos &&
         part.find("--") == std::string_view::npos;
}

bool is_path_letter(char letter) {
  return static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7F && letter != '\\';
}

}  // namespace

void check_repository(std::string_view repository) {
  const std::size_t slash = repository.find('/');
  if (slash != std::string_view::npos && is_repository_part(repository.substr(0, slash)) &&
      is_repository_part(repository.substr(slash + 1))) {
    return;
  }
  fail_usage("wanted a model of the Hugging Face Hub as ORG/NAME, found \"{}\"", repository);
}

void check_revision(std::string_view revision) {
  const bool plain = is_safe_path(revision) &&
                     revision.find_first_of(" ~^:?*[") == std::string_view::npos &&
                     revision.find("..") == std::string_view::npos;
  if (!plain) {
    fail_usage("--revision: wanted a branch, a tag or a commit, found \"{}\"", revision);
  }
}

bool is_safe_path(std::string_view path) {
  if (path.size() > kMaxPath || !std::all_of(path.begin(), path.end(), is_path_letter)) {
    return false;
  }
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > kMaxPathPart) return false;
    begin = end + 1;
  }
  return true;
}

bool is_object_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string blob_name(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  const bool word = !etag.empty() && etag.size() <= 128 && etag.front() != '.' &&
                    std::all_of(etag.begin(), etag.end(), is_word_letter);
  return word ? std::string(etag) : "";
}

std::string percent_encoded(std::string_view text, bool keep_slashes) {
  std::string encoded;
  for (const char letter : text) {
    if (is_word_letter(letter) || letter == '~' || (keep_slashes && letter == '/')) {
      encoded += letter;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return encoded;
}

}  // namespace saccade::hub
