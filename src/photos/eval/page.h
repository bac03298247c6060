// The HTML page of a report: how it looks, and its tables.
#pragma once

#include <string>
#include <string_view>

#include "photos/eval/report.h"

namespace saccade::photos::eval {

/// All before the content: light and dark, colours "s0" to "s5" for series. The page asks for
/// nothing outside.
std::string page_head(std::string_view title);
inline constexpr std::string_view kPageEnd = "</body>\n</html>\n";

std::string table_html(const ReportTable& table);

}  // namespace saccade::photos::eval
