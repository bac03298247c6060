// Text made fit for where it is shown.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"

namespace saccade::cli {

/// Valid UTF-8 on one line: control characters, line breaks among them, become spaces.
std::string one_line(std::string_view text);

/// Valid UTF-8 without control characters other than line breaks and tabs. A model can be made to
/// say escape sequences, by words in a picture for example, and a terminal would obey them.
std::string terminal_text(std::string_view text);

/// Columns that a terminal gives to a text without control characters.
int display_width(std::string_view text);

}  // namespace saccade::cli
