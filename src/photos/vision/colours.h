// The colours of a picture by their plain names.
#pragma once

#include <opencv2/core.hpp>
#include <string_view>
#include <vector>

#include "photos/vision/vision.h"

namespace saccade::photos {

/// The basic colour term (Berlin and Kay, "Basic Color Terms", 1969) of a colour in CIE L*a*b*
/// under D65: lightness 0 to 100 and the two opponent axes. By chroma and lightness it is black,
/// white or gray; otherwise the hue angle decides, and between neighbours that differ by lightness
/// (brown and orange, pink and red or purple) the lightness.
std::string_view colour_name(double lightness, double a, double b);

/// The colours that make up a picture, most first, five at most, each name once with the mean of
/// its pixels; those under 3 % of the picture are left out. `rgb` is [height, width, 3], 8 bits.
std::vector<Colour> dominant_colours(const cv::Mat& rgb);

}  // namespace saccade::photos
