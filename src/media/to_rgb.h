// Decoded samples of any kind to 8-bit RGB, by Pillow's rules.
#pragma once

#include <cstdint>
#include <functional>

#include "media/container.h"
#include "media/vips_decoder.h"

namespace saccade::media {

/// Converts one row: `samples` as the decoder gives them, to rgb [width, 3].
using RowConverter = std::function<void(const void* samples, std::uint8_t* rgb)>;

/// The conversion that equals Pillow 9.4's `convert("RGB")` for what a file holds.
///
/// Gray samples of more than 8 bits are clipped to 0..255, colour samples of 16 bits keep their
/// high byte: Pillow's rule, odd as it is, in 9.4 as in later versions. CMYK is multiplied out, CIE
/// Lab goes through sRGB (within a few steps of Pillow, which uses a table for it).
RowConverter row_converter(const RowLayout& layout, const Container& container);

}  // namespace saccade::media
