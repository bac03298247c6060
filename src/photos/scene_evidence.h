// What two photos that look alike to a model must show before one may answer for the other.
#pragma once

#include <cstdint>

#include "photos/settings.h"
#include "photos/sql.h"

namespace saccade::photos {

/// Whether two photos may be copies of one, or shots of one scene with nothing in between: what a
/// model's embedding and a perceptual hash cannot tell from each other may still differ in colour,
/// or in one thing of several. All of this must hold:
/// - No part of one picture is unlike the other (largest_difference()).
/// - Their shapes are alike. Who resizes or compresses a photo keeps its shape, and who cuts off as
///   much as may be missing here changes it little.
/// - Where both say when they were taken, that is within `duplicate_seconds`: a copy keeps the time
///   or loses it, and what was seen at another time need not be there any more.
/// Photos of which one of the first two is not known are no duplicates.
bool may_be_duplicates(Connection& connection, const ClusterSettings& settings, std::int64_t a,
                       std::int64_t b);

/// Whether what is written in two photos says that they show different things: barcodes of which
/// none is in both, or several words each of which next to none are. Pages, slides, receipts and
/// labels look the same from afar, also seconds apart. Words that were misread, and photos with
/// little text, say nothing.
bool say_different_things(Connection& connection, std::int64_t a, std::int64_t b);

}  // namespace saccade::photos
