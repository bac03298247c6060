#include "photos/eval/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/utf8.h"

namespace saccade::photos::eval {
namespace {

// Sizes in units of the view box, which the page scales to its width.
constexpr double kWidth = 760.0;
constexpr double kLeft = 190.0;  // where names end and axes begin
constexpr double kRight = kWidth - 70.0;
constexpr double kTop = 8.0;
constexpr double kBar = 16.0;
constexpr double kGap = 10.0;
constexpr double kAxis = 22.0;  // height of the axis' numbers

using Out = std::back_insert_iterator<std::string>;

void begin_svg(Out out, std::string_view title, double height) {
  fmt::format_to(
      out, "<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\"><title>{}</title>\n",
      kWidth, height, escaped_html(title), escaped_html(title));
}

void text(Out out, double x, double y, std::string_view anchor, std::string_view words) {
  fmt::format_to(out, "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
                 anchor, escaped_html(words));
}

void line(Out out, std::string_view kind, double x1, double y1, double x2, double y2) {
  fmt::format_to(out,
                 "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                 kind, x1, y1, x2, y2);
}

/// As much of a name as there is room for.
std::string short_name(const std::string& name) {
  constexpr std::size_t kMaxCharacters = 28;
  std::string_view rest = name;
  std::string shorter;
  for (std::size_t i = 0; !rest.empty(); ++i) {
    if (i == kMaxCharacters) return shorter + "...";
    shorter += take_character(rest).bytes;
  }
  return shorter;
}

double along(double share) {
  return kLeft + (kRight - kLeft) * std::clamp(share, 0.0, 1.0);
}

/// Lines and numbers at quarters of what the axis ends on.
void axis(Out out, double end, double bottom, std::string_view unit) {
  for (int quarter = 0; quarter <= 4; ++quarter) {
    const double x = along(quarter / 4.0);
    line(out, "grid", x, kTop, x, bottom);
    text(out, x, bottom + 15.0, "middle", fmt::format("{:g}{}", end * quarter / 4.0, unit));
  }
}

/// The next number above that ends an axis well: 1, 2 or 4 times a power of ten.
double axis_end(double largest) {
  if (!(largest > 0.0)) return 1.0;
  const double power = std::pow(10.0, std::floor(std::log10(largest)));
  for (const double times : {1.0, 2.0, 4.0}) {
    if (largest <= times * power) return times * power;
  }
  return 10.0 * power;
}

/// From 0; where the values are very unlike each other, in powers of ten.
class TimeAxis {
 public:
  explicit TimeAxis(const std::vector<PointRow>& rows) {
    double least = std::numeric_limits<double>::infinity(), most = 0.0;
    for (const PointRow& row : rows) {
      for (const double value : row.values) {
        least = std::min(least, std::max(value, kLeastMs));
        most = std::max(most, value);
      }
    }
    powers_ = most > kUnlike * least;
    begin_ = powers_ ? std::floor(std::log10(least)) : 0.0;
    end_ = powers_ ? std::ceil(std::log10(most)) : axis_end(most);
  }
  double at(double ms) const {
    const double place = powers_ ? std::log10(std::max(ms, kLeastMs)) : ms;
    return along((place - begin_) / (end_ - begin_));
  }
  void draw(Out out, double bottom) const {
    if (!powers_) {
      axis(out, end_, bottom, " ms");
      return;
    }
    for (double power = begin_; power <= end_; power += 1.0) {
      const double ms = std::pow(10.0, power);
      line(out, "grid", at(ms), kTop, at(ms), bottom);
      text(out, at(ms), bottom + 15.0, "middle",
           ms < 1000.0 ? fmt::format("{:g} ms", ms) : fmt::format("{:g} s", ms / 1000.0));
    }
  }

 private:
  static constexpr double kUnlike = 40.0;
  static constexpr double kLeastMs = 0.1;
  bool powers_ = false;
  double begin_ = 0.0, end_ = 1.0;  // milliseconds, or their logarithms
};

void one_bar(Out out, const Bar& bar, double y) {
  const double end = along(bar.value.estimate / 100.0);
  const double middle = y + kBar / 2.0;
  fmt::format_to(out,
                 "<rect class=\"s{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\">"
                 "<title>{}: {:.1f} ({:.1f} to {:.1f})</title></rect>\n",
                 bar.series, kLeft, y, end - kLeft, kBar - 2.0, escaped_html(bar.label),
                 bar.value.estimate, bar.value.low, bar.value.high);
  const double low = along(bar.value.low / 100.0);
  const double high = along(bar.value.high / 100.0);
  line(out, "whisker", low, middle, high, middle);
  line(out, "whisker", low, middle - 4.0, low, middle + 4.0);
  line(out, "whisker", high, middle - 4.0, high, middle + 4.0);
  text(out, kRight + 8.0, middle + 4.0, "start", fmt::format("{:.1f}", bar.value.estimate));
}

}  // namespace

std::string escaped_html(std::string_view text) {
  std::string escaped;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        // Control characters that no page may have.
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') escaped += c;
    }
  }
  return escaped;
}

std::string bars_svg(std::string_view title, const std::vector<BarGroup>& groups) {
  double height = kTop;
  for (const BarGroup& group : groups) {
    height += kBar * static_cast<double>(group.bars.size()) + kGap;
  }
  std::string svg;
  const Out out(svg);
  begin_svg(out, title, height + kAxis);
  axis(out, 100.0, height, "");
  double y = kTop;
  for (const BarGroup& group : groups) {
    const double middle = y + kBar * static_cast<double>(group.bars.size()) / 2.0;
    text(out, kLeft - 8.0, middle + 4.0, "end", short_name(group.name));
    for (const Bar& bar : group.bars) {
      one_bar(out, bar, y);
      y += kBar;
    }
    y += kGap;
  }
  return svg + "</svg>\n";
}

std::string columns_svg(std::string_view title, const std::vector<Column>& columns) {
  constexpr double kHalf = 90.0;
  constexpr double kZero = kTop + kHalf;
  constexpr double kFirst = 50.0;
  std::string svg;
  const Out out(svg);
  begin_svg(out, title, kTop + 2.0 * kHalf + kTop);
  for (const double value : {100.0, 50.0, 0.0, -50.0, -100.0}) {
    const double y = kZero - kHalf * value / 100.0;
    line(out, "grid", kFirst, y, kWidth, y);
    text(out, kFirst - 6.0, y + 4.0, "end",
         value == 0.0 ? std::string("0") : fmt::format("{:+g}", value));
  }
  const double step = (kWidth - kFirst) / std::max(1.0, static_cast<double>(columns.size()));
  double x = kFirst;
  for (const Column& column : columns) {
    const double height = kHalf * std::min(100.0, std::abs(column.value)) / 100.0;
    fmt::format_to(
        out,
        "<rect class=\"{}\" x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\">"
        "<title>{}: {:+.1f}</title></rect>\n",
        column.value < 0.0   ? "loss"
        : column.value > 0.0 ? "win"
                             : "tie",
        x, column.value < 0.0 ? kZero : kZero - height, step * 0.9, std::max(0.8, height),
        escaped_html(column.name), column.value);
    x += step;
  }
  return svg + "</svg>\n";
}

std::string points_svg(std::string_view title, const std::vector<PointRow>& rows) {
  constexpr double kRow = 30.0;
  constexpr double kSpread = 16.0;                 // points of a row lie in a band so high,
  constexpr double kGoldenSection = 0.6180339887;  // spread evenly, however many there are
  const TimeAxis axis(rows);
  const double bottom = kTop + kRow * static_cast<double>(rows.size());
  std::string svg;
  const Out out(svg);
  begin_svg(out, title, bottom + kAxis);
  axis.draw(out, bottom);
  double y = kTop + kRow / 2.0;
  for (const PointRow& row : rows) {
    text(out, kLeft - 8.0, y + 4.0, "end", short_name(row.name));
    double place = 0.5;
    for (const double value : row.values) {
      fmt::format_to(out, "<circle class=\"s{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\"/>\n",
                     row.series, axis.at(value), y + kSpread * (place - 0.5));
      place = std::fmod(place + kGoldenSection, 1.0);
    }
    for (const double mark : {row.p50, row.p95}) {
      line(out, "whisker", axis.at(mark), y - 11.0, axis.at(mark), y + 11.0);
    }
    y += kRow;
  }
  return svg + "</svg>\n";
}

}  // namespace saccade::photos::eval
