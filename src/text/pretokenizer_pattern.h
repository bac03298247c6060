// Regular expressions of tokenizer.json, rewritten for PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace saccade::text {

/// Rewrites a pattern in Oniguruma's Ruby syntax, which Hugging Face tokenizers compile their
/// patterns with, into one that PCRE2 (UTF, UCP and MULTILINE) matches alike: character classes by
/// the reference's Unicode version, Ruby's intervals and options, no captures. What has no exact
/// counterpart (back references, class intersection, multi-character case folding...) is refused:
/// throws Error that starts with `where` and names the construct.
std::string translate_pattern(std::string_view pattern, std::string_view where);

}  // namespace saccade::text
