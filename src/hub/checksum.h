// Digests that name files on the Hub.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace saccade::hub {

/// The digest of a file in the kind that `blob` is: 64 digits are SHA-256 of the content, 40 are
/// git's object id (SHA-1 of "blob <size>\0" and the content). Lower-case hexadecimal. Returns an
/// empty text when `stop` became true. Throws Error when the file cannot be read.
std::string file_checksum(const std::filesystem::path& path, std::string_view blob,
                          const std::atomic<bool>& stop);

}  // namespace saccade::hub
