// Dates as datetime.strftime writes them, in English whatever the locale of the process.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace saccade::text::jinja {

/// A directive that is not known stays as it stands, as in glibc.
std::string format_time(const std::tm& time, std::string_view format);

}  // namespace saccade::text::jinja
