// Escapes of Oniguruma patterns as PCRE2 text; used by translate_pattern.
#pragma once

#include <string>
#include <string_view>

namespace saccade::text {

/// The PCRE2 text of an escape for one control character; empty for other letters.
std::string_view control_escape(char letter);

/// What stands between the brackets of a class for \s, \d, \w and \h (a hexadecimal digit in Ruby);
/// empty for other letters.
std::string items_of_letter(char letter);

/// \b, or \B when `boundary` is false: PCRE2's own word characters are not Oniguruma's.
std::string word_boundary(bool boundary);

}  // namespace saccade::text
