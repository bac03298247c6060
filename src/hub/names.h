// Names that become URLs and paths. What comes from a server is hostile until checked here.
#pragma once

#include <string>
#include <string_view>

namespace saccade::hub {

/// Throws Error (usage) unless it is ORG/NAME in the Hub's letters.
void check_repository(std::string_view repository);

/// Throws Error (usage) unless it can be a branch, tag or commit and a path below refs/.
void check_revision(std::string_view revision);

/// A relative path that stays below the directory it is put in: no empty, `.` or `..` part, no
/// control character or backslash, no part or whole too long for a file system.
bool is_safe_path(std::string_view path);

/// Lower-case hexadecimal digits, 40 (a git object) or 64 (SHA-256) of them.
bool is_object_id(std::string_view text);

/// What an ETag header names: without weakness mark and quotes. Empty when that is no plain word.
std::string blob_name(std::string_view etag);

/// Percent-encodes all but unreserved characters; slashes stay when `keep_slashes`.
std::string percent_encoded(std::string_view text, bool keep_slashes);

}  // namespace saccade::hub
