// Plots as SVG that stands in a page: colours are the page's classes, so that they follow its light
// or dark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "photos/eval/bootstrap.h"

namespace saccade::photos::eval {

/// A text as HTML and SVG have it, in content and in attributes; what is not UTF-8 is repaired.
std::string escaped_html(std::string_view text);

struct Bar {
  std::string label;
  std::size_t series = 0;  ///< which colour
  Interval value;          ///< the bar, and the whisker on it
};

/// Bars from left to right, in groups with a name each, on an axis from 0 to 100. A class "sN" has
/// the colour of series N.
struct BarGroup {
  std::string name;
  std::vector<Bar> bars;
};
std::string bars_svg(std::string_view title, const std::vector<BarGroup>& groups);

/// Values in the order they come, as columns up and down from zero, in [-100, 100]; each tells its
/// name when it is pointed at.
struct Column {
  std::string name;
  double value = 0.0;
};
std::string columns_svg(std::string_view title, const std::vector<Column>& columns);

/// Rows of points on a common axis of times, with marks at p50 and p95. Where the largest is more
/// than 40 times the smallest, the axis goes by powers of ten. `values` are milliseconds.
struct PointRow {
  std::string name;
  std::size_t series = 0;
  std::vector<double> values;
  double p50 = 0.0;
  double p95 = 0.0;
};
std::string points_svg(std::string_view title, const std::vector<PointRow>& rows);

}  // namespace saccade::photos::eval
