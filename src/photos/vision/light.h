// How sharp and how light a picture is.
#pragma once

#include <opencv2/core.hpp>

namespace saccade::photos {

/// log10 of the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield
/// microscopy", 2000), 0 at least. `gray` is [height, width], 8 bits, its longer side 512 pixels:
/// the figure depends on the size.
double sharpness_of(const cv::Mat& gray);

struct Exposure {
  double brightness = 0.0;     ///< mean luminance, 0 to 1
  double clipped_dark = 0.0;   ///< share of pixels that are black, 0 to 1
  double clipped_light = 0.0;  ///< share of pixels that are white, 0 to 1
};

/// Of [height, width], 8 bits. Levels within 2 of the ends count as clipped: JPEG files do not keep
/// the ends exactly.
Exposure exposure_of(const cv::Mat& gray);

}  // namespace saccade::photos
