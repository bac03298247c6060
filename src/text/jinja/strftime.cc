#include "text/jinja/strftime.h"

#include <fmt/core.h>

#include <array>
#include <optional>

namespace saccade::text::jinja {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

template <std::size_t N>
std::string_view name_of(const std::array<std::string_view, N>& names, int index) {
  return index >= 0 && index < static_cast<int>(N) ? names[static_cast<std::size_t>(index)] : "?";
}

/// A number, its width, and what fills it up by default.
struct Field {
  int value;
  int width;
  char fill = '0';
};

bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/// The week of the year by ISO 8601, and the year that week belongs to.
std::pair<int, int> iso_week(const std::tm& time) {
  const int year = time.tm_year + 1900;
  const int weekday = (time.tm_wday + 6) % 7;  // Monday is 0
  const int week = (time.tm_yday - weekday + 10) / 7;
  const auto weeks_in = [](int of_year, int first_weekday) {
    const bool long_year = first_weekday == 3 || (first_weekday == 2 && is_leap(of_year));
    return long_year ? 53 : 52;
  };
  const int first = ((weekday - time.tm_yday) % 7 + 7) % 7;  // weekday of January 1st
  if (week < 1) {
    const int days = is_leap(year - 1) ? 366 : 365;
    return {weeks_in(year - 1, ((first - days) % 7 + 7) % 7), year - 1};
  }
  if (week > weeks_in(year, first)) return {1, year + 1};
  return {week, year};
}

std::optional<Field> number_field(const std::tm& time, char directive) {
  const int year = time.tm_year + 1900;
  const int hour12 = time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12;
  switch (directive) {
    case 'Y':
      return Field{year, 0};
    case 'C':
      return Field{year / 100, 2};
    case 'y':
      return Field{year % 100, 2};
    case 'm':
      return Field{time.tm_mon + 1, 2};
    case 'd':
      return Field{time.tm_mday, 2};
    case 'e':
      return Field{time.tm_mday, 2, ' '};
    case 'H':
      return Field{time.tm_hour, 2};
    case 'k':
      return Field{time.tm_hour, 2, ' '};
    case 'I':
      return Field{hour12, 2};
    case 'l':
      return Field{hour12, 2, ' '};
    case 'M':
      return Field{time.tm_min, 2};
    case 'S':
      return Field{time.tm_sec, 2};
    case 'f':
      return Field{0, 6};
    case 'j':
      return Field{time.tm_yday + 1, 3};
    case 'u':
      return Field{time.tm_wday == 0 ? 7 : time.tm_wday, 1};
    case 'w':
      return Field{time.tm_wday, 1};
    case 'U':
      return Field{(time.tm_yday + 7 - time.tm_wday) / 7, 2};
    case 'W':
      return Field{(time.tm_yday + 7 - (time.tm_wday + 6) % 7) / 7, 2};
    case 'V':
      return Field{iso_week(time).first, 2};
    case 'G':
      return Field{iso_week(time).second, 0};
    case 'g':
      return Field{iso_week(time).second % 100, 2};
    default:
      return std::nullopt;
  }
}

/// Directives that stand for words or for other directives; nothing when it is neither.
std::optional<std::string> text_field(const std::tm& time, char directive) {
  switch (directive) {
    case 'a':
      return std::string(name_of(kDays, time.tm_wday).substr(0, 3));
    case 'A':
      return std::string(name_of(kDays, time.tm_wday));
    case 'b':
    case 'h':
      return std::string(name_of(kMonths, time.tm_mon).substr(0, 3));
    case 'B':
      return std::string(name_of(kMonths, time.tm_mon));
    case 'p':
      return time.tm_hour < 12 ? "AM" : "PM";
    case 'P':
      return time.tm_hour < 12 ? "am" : "pm";
    case 'c':
      return format_time(time, "%a %b %e %H:%M:%S %Y");
    case 'D':
    case 'x':
      return format_time(time, "%m/%d/%y");
    case 'F':
      return format_time(time, "%Y-%m-%d");
    case 'T':
    case 'X':
      return format_time(time, "%H:%M:%S");
    case 'R':
      return format_time(time, "%H:%M");
    case 'r':
      return format_time(time, "%I:%M:%S %p");
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    case 'z':
    case 'Z':
      return "";  // datetime.now() has no time zone
    default:
      return std::nullopt;
  }
}

/// glibc's flags: - for no fill, _ for spaces, 0 for zeros.
std::string lay_out(const Field& field, char flag) {
  const char fill = flag == '_' ? ' ' : flag == '0' ? '0' : field.fill;
  std::string digits = fmt::format("{}", field.value);
  const auto width = static_cast<std::size_t>(flag == '-' ? 0 : field.width);
  if (digits.size() < width) digits.insert(0, width - digits.size(), fill);
  return digits;
}

}  // namespace

std::string format_time(const std::tm& time, std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const std::size_t start = i++;
    char flag = '\0';
    if ((format[i] == '-' || format[i] == '_' || format[i] == '0') && i + 1 < format.size()) {
      flag = format[i++];
    }
    if (const auto field = number_field(time, format[i])) {
      out += lay_out(*field, flag);
    } else if (const auto text = text_field(time, format[i])) {
      out += *text;
    } else {
      out += format.substr(start, i - start + 1);
    }
  }
  return out;
}

}  // namespace saccade::text::jinja
