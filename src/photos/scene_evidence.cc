#include "photos/scene_evidence.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <string>

#include "photos/vision/vision.h"

namespace saccade::photos {
namespace {

// Delta E of the part that differs most. Photographs that were compressed to JPEG quality 20,
// resized to a quarter, lost up to 5 % at their edges, or were taken at 0.7 or 1.3 of the exposure
// came to 20 at most (a picture of 100 pixels to 25); of 217 pairs of made scenes whose perceptual
// hashes are 6 bits apart at most, two came below 24 and the next one to 33.
constexpr double kLargestDifference = 24.0;
constexpr double kLargestShapeRatio = 1.1;  // of width by height

// Words that a reader may have made of leaves and bricks are short and few.
constexpr std::size_t kLeastLetters = 4;
constexpr std::size_t kLeastWords = 3;
constexpr double kCommonShare = 0.25;  // of the words of the photo with fewer

struct Appearance {
  double shape = 0.0;  ///< width by height; 0: unknown
  std::optional<std::int64_t> taken_seconds;
  Miniature miniature;
};

Appearance appearance_of(Connection& connection, std::int64_t photo) {
  auto row = sql(connection,
                 "SELECT CAST(width AS REAL) / height, taken_seconds, pixels FROM photos LEFT JOIN "
                 "miniatures ON miniatures.photo_id = photos.id WHERE photos.id = ?1",
                 photo);
  Appearance appearance;
  if (!row.executeStep()) return appearance;
  appearance.shape = row.getColumn(0).getDouble();
  appearance.taken_seconds = optional_integer(row.getColumn(1));
  const auto* pixels = static_cast<const std::uint8_t*>(row.getColumn(2).getBlob());
  appearance.miniature.assign(pixels, pixels + row.getColumn(2).getBytes());
  return appearance;
}

using Words = std::set<std::string>;

struct Writing {
  Words words;
  Words barcodes;
};

/// Adds the words of a line, in lower case as far as they are ASCII.
void add_words(const std::string& line, Words& words) {
  std::string word;
  const auto take = [&] {
    if (word.size() >= kLeastLetters) words.insert(word);
    word.clear();
  };
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && std::isalnum(byte) == 0) {
      take();
    } else {
      word += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
    }
  }
  take();
}

Writing writing_in(Connection& connection, std::int64_t photo) {
  auto rows = sql(connection,
                  "SELECT kind, text FROM regions WHERE photo_id = ?1 AND kind IN ('text', "
                  "'barcode')",
                  photo);
  Writing writing;
  while (rows.executeStep()) {
    const std::string text = rows.getColumn(1).getString();
    if (rows.getColumn(0).getString() == "barcode") {
      writing.barcodes.insert(text);
    } else {
      add_words(text, writing.words);
    }
  }
  return writing;
}

std::size_t common_count(const Words& a, const Words& b) {
  return static_cast<std::size_t>(
      std::ranges::count_if(a, [&](const std::string& word) { return b.contains(word); }));
}

}  // namespace

bool may_be_duplicates(Connection& connection, const ClusterSettings& settings, std::int64_t a,
                       std::int64_t b) {
  const Appearance one = appearance_of(connection, a);
  const Appearance other = appearance_of(connection, b);
  if (one.taken_seconds && other.taken_seconds &&
      std::abs(static_cast<double>(*one.taken_seconds - *other.taken_seconds)) >
          settings.duplicate_seconds) {
    return false;
  }
  if (one.shape <= 0.0 || other.shape <= 0.0 ||
      std::max(one.shape, other.shape) > kLargestShapeRatio * std::min(one.shape, other.shape)) {
    return false;
  }
  const auto difference = largest_difference(one.miniature, other.miniature);
  return difference && *difference <= kLargestDifference;
}

bool say_different_things(Connection& connection, std::int64_t a, std::int64_t b) {
  const Writing one = writing_in(connection, a);
  const Writing other = writing_in(connection, b);
  if (!one.barcodes.empty() && !other.barcodes.empty() &&
      common_count(one.barcodes, other.barcodes) == 0) {
    return true;
  }
  const std::size_t fewer = std::min(one.words.size(), other.words.size());
  return fewer >= kLeastWords && static_cast<double>(common_count(one.words, other.words)) <
                                     kCommonShare * static_cast<double>(fewer);
}

}  // namespace saccade::photos
