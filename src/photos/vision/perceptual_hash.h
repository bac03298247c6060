// A picture's likeness in 64 bits.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

namespace saccade::photos {

/// The DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions"
/// (2010): which of the 64 lowest frequencies of the picture at 32 x 32 pixels, those that are
/// constant along a side left out, are above their median. `gray` is [height, width], 8 bits.
std::uint64_t perceptual_hash(const cv::Mat& gray);

}  // namespace saccade::photos
