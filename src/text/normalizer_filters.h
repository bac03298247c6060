// Normalizers that look at one character at a time.
#pragma once

#include <string>
#include <string_view>

namespace saccade::text {

/// `text` without combining marks (StripAccents; it decomposes nothing itself).
std::string strip_accents(std::string_view text);

/// `text` as SentencePiece's rules "nmt" clean it: without controls, other white space and
/// invisible characters as spaces (Nmt).
std::string normalize_nmt(std::string_view text);

}  // namespace saccade::text
