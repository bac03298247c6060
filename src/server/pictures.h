// Where the pictures of a request come from.
#pragma once

#include <string>

#include "saccade/request.h"
#include "server/options.h"

namespace saccade::server {

/// Whether a URL is of http or https.
bool is_remote(const std::string& url);

/// The picture that a URL stands for: data:...;base64,... or, below options.media_root, file://.
/// `where` names the field in errors and the picture. Throws ApiError.
ImageBytes picture_from_url(const std::string& url, const std::string& where,
                            const ServeOptions& options);

/// The picture in a base64 text. Throws ApiError.
ImageBytes picture_from_base64(std::string_view text, const std::string& where);

}  // namespace saccade::server
