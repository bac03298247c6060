// Where in a picture there may be lines of text, told cheaply.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace saccade::photos {

struct TextCandidate {
  cv::Rect box;  ///< pixels
  int letters = 0;
  int letter_height = 0;  ///< pixels, the median
  bool light_on_dark = false;
};

/// Rows of shapes that could be letters: connected components of what is darker (and, apart, of
/// what is lighter) than its surroundings, of the proportions and the even stroke widths of
/// letters, at least three beside each other of a height and on one line. After Epshtein et al.,
/// "Detecting text in natural scenes with stroke width transform" (2010), with the distance
/// transform for the stroke widths. `gray` is [height, width], 8 bits. Most letters first.
std::vector<TextCandidate> find_text_candidates(const cv::Mat& gray);

}  // namespace saccade::photos
