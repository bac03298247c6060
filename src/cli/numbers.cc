#include "cli/numbers.h"

#include <charconv>
#include <cmath>
#include <span>
#include <string>

#include "base/error.h"

namespace saccade::cli {
namespace {

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

/// Three significant digits with the largest unit that leaves at least one before the point.
std::string scaled(double value, double base, std::span<const char* const> units) {
  std::size_t unit = 0;
  // 999.5 would be printed as 1000.
  while (unit + 1 < units.size() && value >= base - 0.5) {
    value /= base;
    ++unit;
  }
  const char* space = *units[unit] ? " " : "";
  if (unit == 0 || value >= 99.95) return fmt::format("{:.0f}{}{}", value, space, units[unit]);
  return fmt::format("{:.{}f}{}{}", value, value >= 9.995 ? 1 : 2, space, units[unit]);
}

}  // namespace

std::int64_t parse_integer(std::string_view option, std::string_view text, std::int64_t low,
                           std::int64_t high) {
  std::int64_t number = 0;
  if (read_number(text, number) && number >= low && number <= high) return number;
  if (high == std::numeric_limits<std::int64_t>::max()) {
    fail_usage("{}: wanted a whole number from {} up, found \"{}\"", option, low, text);
  }
  fail_usage("{}: wanted a whole number from {} to {}, found \"{}\"", option, low, high, text);
}

std::uint64_t parse_unsigned(std::string_view option, std::string_view text) {
  std::uint64_t number = 0;
  if (read_number(text, number)) return number;
  fail_usage("{}: wanted a whole number from 0 to {}, found \"{}\"", option,
             std::numeric_limits<std::uint64_t>::max(), text);
}

double parse_number(std::string_view option, std::string_view text) {
  double number = 0.0;
  if (read_number(text, number) && std::isfinite(number)) return number;
  fail_usage("{}: wanted a number, found \"{}\"", option, text);
}

std::int64_t parse_bytes(std::string_view option, std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  std::string_view digits = text;
  int shift = 0;
  if (!digits.empty()) {
    const std::size_t unit = kUnits.find(digits.back());
    if (unit != std::string_view::npos) {
      shift = 10 * (static_cast<int>(unit) + 1);
      digits.remove_suffix(1);
    }
  }
  std::int64_t number = 0;
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() >> shift;
  if (read_number(digits, number) && number >= 0 && number <= most) return number << shift;
  fail_usage("{}: wanted a size such as 512M or 8G, found \"{}\"", option, text);
}

std::string thousands(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string short_count(std::int64_t number) {
  static constexpr const char* kUnits[] = {"", "k", "M", "B", "T"};
  return scaled(static_cast<double>(number), 1000.0, kUnits);
}

std::string short_bytes(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  return scaled(static_cast<double>(bytes), 1024.0, kUnits);
}

std::string duration(double ms) {
  if (ms < 9.995) return fmt::format("{:.2f} ms", ms);
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  if (ms < 9995.0) return fmt::format("{:.2f} s", ms / 1000.0);
  if (ms < 119'950.0) return fmt::format("{:.1f} s", ms / 1000.0);
  const auto seconds = static_cast<std::int64_t>(std::llround(ms / 1000.0));
  if (seconds < 7200) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "-";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return fmt::format("{:.1f} %", share);
}

}  // namespace saccade::cli
