#include "photos/vision/text_candidates.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <tuple>

#include "photos/vision/boxes.h"

namespace saccade::photos {
namespace {

constexpr int kLeastHeight = 8;     // pixels of a letter: Tesseract reads none smaller
constexpr int kMostHeight = 96;     // pixels; larger ones are found in the picture made smaller
constexpr int kWindow = 41;         // pixels: the surroundings that ink is compared with
constexpr int kLeastContrast = 18;  // levels between ink and its surroundings
constexpr int kMostLevelStep = 40;  // levels between neighbouring letters: one ink, uneven light
constexpr int kLeastLetters = 3;
constexpr int kMostLetters = 4000;  // of a picture; leaves and gravel have more
constexpr int kSmaller = 3;         // by how much the picture is made smaller for large letters

struct Letter {
  cv::Rect box;
  double stroke = 0.0;  // pixels
  double level = 0.0;   // mean of its pixels, 0 to 255
  int middle() const { return box.y + box.height / 2; }
  int bottom() const { return box.y + box.height; }
  int right() const { return box.x + box.width; }
};

/// The mask, 255 where there is ink: what is darker, or lighter, than `around`, the mean of its
/// surroundings, by more than kLeastContrast.
cv::Mat ink_of(const cv::Mat& gray, const cv::Mat& around, bool light_on_dark) {
  cv::Mat difference, ink;
  if (light_on_dark) {
    cv::subtract(gray, around, difference);
  } else {
    cv::subtract(around, gray, difference);
  }
  cv::threshold(difference, ink, kLeastContrast, 255, cv::THRESH_BINARY);
  return ink;
}

bool has_letter_shape(const cv::Rect& box, int area, const cv::Size& picture) {
  if (box.height < kLeastHeight || box.height > kMostHeight) return false;
  if (box.width < 2 || box.width > 2 * box.height || 12 * box.width < box.height) return false;
  if (box.x == 0 || box.y == 0 || box.br().x == picture.width || box.br().y == picture.height) {
    return false;
  }
  const double fill = static_cast<double>(area) / box.area();
  return fill > 0.12 && (fill < 0.9 || 3 * box.width < box.height);
}

/// A component's stroke width and level. Across a stroke of one width the mean distance from its
/// edges is a quarter of it and the largest a half; a blob has more in its middle, and is nothing.
std::optional<Letter> measure(const cv::Rect& box, int label, const cv::Mat& labels,
                              const cv::Mat& ink, const cv::Mat& gray) {
  const cv::Rect around(box.x - 1, box.y - 1, box.width + 2, box.height + 2);
  cv::Mat depth;
  cv::distanceTransform(ink(around), depth, cv::DIST_L2, cv::DIST_MASK_3);
  double depths = 0.0, deepest = 0.0, levels = 0.0;
  int area = 0;
  for (int y = 0; y < box.height; ++y) {
    const int* label_row = labels.ptr<int>(box.y + y) + box.x;
    const auto* gray_row = gray.ptr<std::uint8_t>(box.y + y) + box.x;
    const float* depth_row = depth.ptr<float>(y + 1) + 1;
    for (int x = 0; x < box.width; ++x) {
      if (label_row[x] != label) continue;
      ++area;
      depths += depth_row[x];
      deepest = std::max<double>(deepest, depth_row[x]);
      levels += gray_row[x];
    }
  }
  const double mean = depths / area;
  const double stroke = 4.0 * mean;
  if (deepest > 3.2 * mean || stroke > 0.6 * box.height) return std::nullopt;
  return Letter{box, stroke, levels / area};
}

/// The components of ink that could be letters.
std::vector<Letter> find_letters(const cv::Mat& gray, const cv::Mat& ink) {
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(ink, labels, stats, centres, 8, CV_32S);
  std::vector<Letter> letters;
  for (int label = 1; label < count && letters.size() < kMostLetters; ++label) {
    const int* row = stats.ptr<int>(label);
    const cv::Rect box(row[cv::CC_STAT_LEFT], row[cv::CC_STAT_TOP], row[cv::CC_STAT_WIDTH],
                       row[cv::CC_STAT_HEIGHT]);
    if (!has_letter_shape(box, row[cv::CC_STAT_AREA], ink.size())) continue;
    if (auto letter = measure(box, label, labels, ink, gray)) letters.push_back(*letter);
  }
  return letters;
}

bool stand_together(const Letter& a, const Letter& b) {
  const int taller = std::max(a.box.height, b.box.height);
  const int shorter = std::min(a.box.height, b.box.height);
  if (taller > 2 * shorter) return false;
  // An l or an i is as thick as its neighbours, so strokes differ less than heights do.
  if (std::max(a.stroke, b.stroke) > 2.0 * std::min(a.stroke, b.stroke) + 1.0) return false;
  if (std::abs(a.level - b.level) > kMostLevelStep) return false;
  if (2 * std::abs(a.middle() - b.middle()) > taller) return false;
  const int gap = std::max(a.box.x, b.box.x) - std::min(a.right(), b.right());
  return 4 * gap < 5 * taller && 2 * gap > -shorter;
}

/// The letters by row. A row goes on as long as the next letter is near.
std::vector<std::vector<Letter>> rows_of(std::vector<Letter> letters) {
  std::ranges::sort(letters, [](const Letter& a, const Letter& b) {
    return std::tuple(a.box.x, a.box.y, a.box.width) < std::tuple(b.box.x, b.box.y, b.box.width);
  });
  std::vector<int> parents(letters.size());
  std::iota(parents.begin(), parents.end(), 0);
  const auto root = [&](int i) {
    while (parents[i] != i) i = parents[i] = parents[parents[i]];
    return i;
  };
  const int count = static_cast<int>(letters.size());
  for (int i = 0; i < count; ++i) {
    const int reach = letters[i].right() + 5 * letters[i].box.height / 2;
    for (int j = i + 1; j < count && letters[j].box.x <= reach; ++j) {
      if (stand_together(letters[i], letters[j])) parents[root(j)] = root(i);
    }
  }
  std::vector<std::vector<Letter>> rows(letters.size());
  for (int i = 0; i < count; ++i) rows[root(i)].push_back(letters[i]);
  std::erase_if(rows, [](const auto& row) { return row.size() < kLeastLetters; });
  return rows;
}

template <typename Value>
Value median(std::vector<Value> values) {
  std::ranges::nth_element(values, values.begin() + values.size() / 2);
  return values[values.size() / 2];
}

/// Whether the letters stand on one line, as writing does and leaves do not: most feet are within a
/// seventh of a letter's height of the straight line from the first letters' to the last ones'.
bool stand_on_a_line(const std::vector<Letter>& row, int height) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const Letter& letter : row) {
    const double x = letter.box.x - row.front().box.x, y = letter.bottom();
    n += 1, sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  const double spread = n * sxx - sx * sx;
  const double slope = spread > 0 ? (n * sxy - sx * sy) / spread : 0.0;
  const double start = (sy - slope * sx) / n;
  std::vector<double> misses;
  for (const Letter& letter : row) {
    const double x = letter.box.x - row.front().box.x;
    misses.push_back(std::abs(letter.bottom() - start - slope * x));
  }
  return median(misses) <= std::max(1.0, height / 7.0) && std::abs(slope) < 0.35;
}

/// By how much the strip around a row differs from its letters in the direction of the ink. Next to
/// nothing where the "letters" are the ground that shows between and inside of real ones.
double contrast_of(const std::vector<Letter>& row, const cv::Rect& box, int height,
                   const cv::Mat& gray, bool light_on_dark) {
  double level = 0.0;
  for (const Letter& letter : row) level += letter.level / static_cast<double>(row.size());
  const int margin = std::max(2, height / 3);
  const cv::Rect outer =
      cv::Rect(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin) &
      cv::Rect({}, gray.size());
  const double strip =
      (cv::sum(gray(outer))[0] - cv::sum(gray(box))[0]) / std::max(1, outer.area() - box.area());
  return light_on_dark ? level - strip : strip - level;
}

void add_candidates(const cv::Mat& gray, const cv::Mat& around, bool light_on_dark, int scale,
                    std::vector<TextCandidate>& candidates) {
  const cv::Mat ink = ink_of(gray, around, light_on_dark);
  for (const std::vector<Letter>& row : rows_of(find_letters(gray, ink))) {
    cv::Rect box = row.front().box;
    std::vector<int> heights;
    for (const Letter& letter : row) {
      box |= letter.box;
      heights.push_back(letter.box.height);
    }
    const int height = median(heights);
    if (box.height > 4 * height || box.width < height || !stand_on_a_line(row, height)) continue;
    if (contrast_of(row, box, height, gray, light_on_dark) < kLeastContrast) continue;
    candidates.push_back({cv::Rect(box.tl() * scale, box.size() * scale),
                          static_cast<int>(row.size()), height * scale, light_on_dark});
  }
}

}  // namespace

std::vector<TextCandidate> find_text_candidates(const cv::Mat& gray) {
  std::vector<TextCandidate> all;
  for (const int scale : {1, kSmaller}) {
    cv::Mat smaller = gray;
    if (scale > 1) {
      const cv::Size size(gray.cols / scale, gray.rows / scale);
      if (size.width < kWindow || size.height < kWindow) break;
      cv::resize(gray, smaller, size, 0, 0, cv::INTER_AREA);
    }
    cv::Mat around;
    cv::blur(smaller, around, {kWindow, kWindow});
    for (const bool light_on_dark : {false, true}) {
      add_candidates(smaller, around, light_on_dark, scale, all);
    }
  }
  std::ranges::sort(all, [](const TextCandidate& a, const TextCandidate& b) {
    return std::tuple(-a.letters, a.box.y, a.box.x, a.box.width, a.light_on_dark) <
           std::tuple(-b.letters, b.box.y, b.box.x, b.box.width, b.light_on_dark);
  });
  // The holes of letters and their outlines make rows too, of fewer shapes.
  std::vector<TextCandidate> candidates;
  for (const TextCandidate& one : all) {
    if (std::ranges::none_of(candidates, [&](const TextCandidate& other) {
          return overlap_of(other.box, one.box) > 0.5;
        })) {
      candidates.push_back(one);
    }
  }
  return candidates;
}

}  // namespace saccade::photos
