// A picture to measure with.
#pragma once

#include "media/image.h"
#include "saccade/bench.h"

namespace saccade::engine {

/// The same picture every time, with the statistics of a photograph: detail of all sizes, the finer
/// the fainter, and a camera's noise. At quality 90 its JPEG takes about two bits a pixel, as
/// photographs do; one colour or noise would be decoded much faster or slower.
media::Image photo_like(const PictureSize& size, std::uint32_t seed = 1);

}  // namespace saccade::engine
