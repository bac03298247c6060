// What normalizers, pre-tokenizers and decoders of tokenizer.json share.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/pretokenizer_regex.h"

namespace saccade::text {

/// Compiles the "pattern" of an object: {"String": "..."} or {"Regex": "..."}. Throws Error for
/// anything else, an empty string, or a regular expression that is not supported.
Regex regex_of_pattern(const JsonObject& object);

/// The same for a pattern whose matches are replaced. Throws Error for one that can match nothing
/// at all: the reference's own result is then erratic.
Regex regex_of_replace(const JsonObject& object);

/// `text` (valid UTF-8) with each match replaced by `content`. Throws Error when that
/// would take over 1 GiB.
std::string replace_matches(const Regex& regex, std::string_view text, std::string_view content);

}  // namespace saccade::text
