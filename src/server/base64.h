// Base64 (RFC 4648, section 4), as pictures travel in JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::server {

/// The bytes that `text` stands for. Line breaks and blanks are skipped, padding may be missing;
/// none when anything else is wrong.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text);

/// The text that stands for `bytes`, in one line, padded.
std::string encode_base64(std::span<const std::byte> bytes);

}  // namespace saccade::server
