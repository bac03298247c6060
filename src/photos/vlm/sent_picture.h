// A picture as it goes to another server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "saccade/request.h"

namespace saccade::photos {

struct SentPicture {
  std::string media_type;  ///< "image/jpeg"
  std::vector<std::byte> bytes;
};

/// Makes a picture ready for a server that knows the web's formats: a JPEG, PNG, WebP or GIF file
/// with no more than `max_pixels` pixels and 20 MB loses its metadata (where it was taken is no
/// server's business) and is otherwise sent as it is; any other is decoded, made as small as
/// `max_pixels` says, upright, and encoded as JPEG. Throws Error for what is no picture.
SentPicture picture_to_send(const ImageBytes& picture, std::optional<std::int64_t> max_pixels);

}  // namespace saccade::photos
