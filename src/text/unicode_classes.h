// Character classes for PCRE2 patterns, at one Unicode version whatever PCRE2 was built with.
//
// The tokenizers that checkpoints were trained with split words by Unicode 16 (Oniguruma 6.9.10),
// while PCRE2 follows the version of its own build: 14 in Debian 12. So a class is PCRE2's property
// plus the characters that came later. A PCRE2 newer than Unicode 16 knows letters that the
// reference does not; text in those scripts alone may then be cut differently.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace saccade::text {

/// What may stand between the brackets of a PCRE2 class for `\p{property}`: a general category
/// (`L`, `Lu`, `N`...) or `Han`; nullopt for a property that cannot be given exactly.
std::optional<std::string> class_of_property(std::string_view property);

/// Likewise for White_Space and for all that is not White_Space: Oniguruma's `\s` and `\S`.
std::string whitespace_class();
std::string not_whitespace_class();

/// `\w` inside the brackets of an Oniguruma class. Outside them Oniguruma adds the characters of
/// kLatin1Words, which its table for Latin-1 calls word characters.
std::string oniguruma_word_class();
inline constexpr std::string_view kLatin1Words = R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

/// `\w` of Rust's regex crate, which has the joiners too.
std::string rust_word_class();

/// char::is_numeric of Rust: categories Nd, Nl and No.
std::string rust_numeric_class();

/// One character of what Hugging Face's Punctuation pre-tokenizer splits at, as a pattern of its
/// own (it is no plain class): ASCII punctuation and the categories P* of an older Unicode version.
std::string punctuation_pattern();

}  // namespace saccade::text
