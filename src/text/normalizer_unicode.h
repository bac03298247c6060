// Unicode normalization and lower case as the reference tokenizers do them.
#pragma once

#include <string>
#include <string_view>

namespace saccade::text {

enum class NormalizationForm { kNfc, kNfd, kNfkc, kNfkd };

/// Normalizes valid UTF-8 in time linear in its length, bar the sorting of combining marks. The
/// reference (the Rust crate unicode-normalization-alignments 0.1.12) holds the data of Unicode 9:
/// it passes later characters through as if they neither decompose nor combine, and so does this.
std::string normalize(std::string_view text, NormalizationForm form);

/// Each character's full lower case mapping without regard to context (Rust's char::to_lowercase).
std::string to_lowercase(std::string_view text);

}  // namespace saccade::text
