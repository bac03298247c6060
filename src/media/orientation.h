// Which way up a picture is.
#pragma once

#include <string_view>

#include "media/byte_view.h"
#include "media/image.h"

namespace saccade::media {

/// The orientation (1 to 8) that an EXIF block asks for, with or without its "Exif\0\0" prefix.
/// 0 when the block is broken or says nothing usable: a picture is not refused for its EXIF.
int exif_orientation(ByteView exif);

/// The orientation (1 to 8) in an XMP packet, found by text search as Pillow does; 0 when absent.
int xmp_orientation(std::string_view xmp);

/// Turns a picture upright: mirrors and rotates by EXIF orientation 1 to 8. Any other value leaves
/// it as it is.
Image apply_orientation(Image image, int orientation);

}  // namespace saccade::media
