#include "photos/taken_time.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exiv2/exiv2.hpp>
#include <string_view>

#include "photos/exiv2_file.h"

namespace saccade::photos {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Local = std::chrono::local_seconds;

struct Moment {
  Local local;
  std::optional<minutes> offset;
};

/// Takes `digits` digits off the front; nothing when they are not there.
std::optional<int> take_number(std::string_view& text, int digits) {
  int value = 0;
  for (int i = 0; i < digits; ++i) {
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    value = 10 * value + (text[0] - '0');
    text.remove_prefix(1);
  }
  return value;
}

bool take_one_of(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == characters.npos) return false;
  text.remove_prefix(1);
  return true;
}

/// "Z", "+02:00", "-0330"; nothing for anything else.
std::optional<minutes> parse_offset(std::string_view text) {
  if (text == "Z") return minutes(0);
  const bool negative = text.starts_with('-');
  if (!take_one_of(text, "+-")) return std::nullopt;
  const std::optional<int> hours = take_number(text, 2);
  take_one_of(text, ":");
  const std::optional<int> rest = text.empty() ? 0 : take_number(text, 2);
  if (!hours || !rest || !text.empty() || *hours > 14 || *rest > 59) return std::nullopt;
  const minutes offset(60 * *hours + *rest);
  return negative ? -offset : offset;
}

/// The time of a day, "12:00:00.25" or "12:00"; fractions of a second are passed over.
std::optional<seconds> take_time(std::string_view& text) {
  const std::optional<int> hour = take_number(text, 2);
  if (!hour || !take_one_of(text, ":")) return std::nullopt;
  const std::optional<int> minute = take_number(text, 2);
  const std::optional<int> second = take_one_of(text, ":") ? take_number(text, 2) : 0;
  if (!minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  if (take_one_of(text, ".,")) {
    while (take_one_of(text, "0123456789")) {
    }
  }
  return seconds(3600 * *hour + 60 * *minute + *second);
}

/// EXIF's "2024:05:01 12:00:00" and XMP's "2024-05-01T12:00:00.25+02:00". Nothing for what is no
/// date of the calendar.
std::optional<Moment> parse_moment(std::string_view text) {
  const std::optional<int> year = take_number(text, 4);
  if (!year || !take_one_of(text, ":-/")) return std::nullopt;
  const std::optional<int> month = take_number(text, 2);
  if (!month || !take_one_of(text, ":-/")) return std::nullopt;
  const std::optional<int> day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *year == 0) return std::nullopt;
  Moment moment{std::chrono::local_days(date), std::nullopt};
  if (text.empty()) return moment;
  if (!take_one_of(text, " T")) return std::nullopt;
  const std::optional<seconds> time = take_time(text);
  if (!time) return std::nullopt;
  moment.local += *time;
  if (text.empty()) return moment;
  moment.offset = parse_offset(text);
  return moment.offset ? std::optional(moment) : std::nullopt;
}

/// Cameras whose clock was never set write blanks between the colons.
bool is_blank(std::string_view text) {
  return text.find_first_not_of(" :-/") == text.npos;
}

std::string xmp_text(const Exiv2::XmpData& xmp, const char* key) {
  const auto found = xmp.findKey(Exiv2::XmpKey(key));
  return found == xmp.end() ? std::string() : clean_text(found->toString());
}

/// GPS's date and time, which are in UTC; nothing where they are absent or broken.
std::optional<Local> gps_time(const Exiv2::ExifData& exif) {
  const std::optional<Moment> date = parse_moment(exif_text(exif, "Exif.GPSInfo.GPSDateStamp"));
  const auto time = exif.findKey(Exiv2::ExifKey("Exif.GPSInfo.GPSTimeStamp"));
  if (!date || time == exif.end() || time->count() != 3) return std::nullopt;
  double total = 0.0;
  for (int i = 0; i < 3; ++i) {
    const Exiv2::Rational part = time->toRational(i);
    if (part.second == 0) return std::nullopt;
    total = 60.0 * total + static_cast<double>(part.first) / part.second;
  }
  if (!(total >= 0.0 && total < 86400.0)) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(date->local) +
         seconds(static_cast<std::int64_t>(total));
}

/// Offsets from UTC that clocks somewhere have: whole hours, and those besides.
bool is_used_offset(minutes offset) {
  constexpr std::array kOthers = {-570, -210, -150, 210, 270, 330, 345,
                                  390,  525,  570,  630, 765, 825};
  if (offset < minutes(-12 * 60) || offset > minutes(14 * 60)) return false;
  return offset.count() % 60 == 0 || std::ranges::count(kOthers, offset.count()) != 0;
}

/// The offset of a local time from GPS's. The receiver's last fix may be some minutes old.
std::optional<minutes> offset_from_gps(Local local, const Exiv2::ExifData& exif) {
  const std::optional<Local> utc = gps_time(exif);
  if (!utc) return std::nullopt;
  const double quarters = static_cast<double>((local - *utc).count()) / 900.0;
  const double nearest = std::round(quarters);
  const double kMaxDriftQuarters = 1.0 / 3.0;  // five minutes
  if (std::abs(quarters - nearest) > kMaxDriftQuarters || std::abs(nearest) > 100) {
    return std::nullopt;
  }
  const minutes offset(15 * static_cast<int>(nearest));
  return is_used_offset(offset) ? std::optional(offset) : std::nullopt;
}

struct Source {
  const char* time;
  const char* offset;
};
constexpr std::array kExifSources = {
    Source{"Exif.Photo.DateTimeOriginal", "Exif.Photo.OffsetTimeOriginal"},
    Source{"Exif.Photo.DateTimeDigitized", "Exif.Photo.OffsetTimeDigitized"},
    Source{"Exif.Image.DateTime", "Exif.Photo.OffsetTime"},
};
constexpr std::array kXmpSources = {"Xmp.exif.DateTimeOriginal", "Xmp.photoshop.DateCreated",
                                    "Xmp.xmp.CreateDate"};

/// What is written down, before anything is made of it.
struct Written {
  std::string time;    // empty: nowhere
  std::string offset;  // empty: none beside it
};

Written find_written(const Exiv2::ExifData& exif, const Exiv2::XmpData& xmp) {
  for (const Source& source : kExifSources) {
    const std::string time = exif_text(exif, source.time);
    if (!is_blank(time)) return {time, exif_text(exif, source.offset)};
  }
  for (const char* key : kXmpSources) {
    const std::string time = xmp_text(xmp, key);
    if (!is_blank(time)) return {time, {}};
  }
  return {};
}

std::optional<minutes> find_offset(const Moment& moment, const Written& written,
                                   const Exiv2::ExifData& exif, const Exiv2::XmpData& xmp,
                                   std::vector<std::string>& warnings) {
  if (moment.offset) return moment.offset;
  if (!is_blank(written.offset)) {
    if (const auto offset = parse_offset(written.offset)) return offset;
    warnings.push_back(fmt::format("the time zone \"{}\" is none", written.offset));
  }
  for (const char* key : kXmpSources) {
    const std::optional<Moment> other = parse_moment(xmp_text(xmp, key));
    if (other && other->offset && other->local == moment.local) return other->offset;
  }
  return offset_from_gps(moment.local, exif);
}

}  // namespace

TakenTime read_taken_time(const Exiv2::ExifData& exif, const Exiv2::XmpData& xmp, std::int64_t now,
                          std::vector<std::string>& warnings) {
  const Written written = find_written(exif, xmp);
  std::optional<Moment> moment;
  if (!written.time.empty()) {
    moment = parse_moment(written.time);
    if (!moment) {
      warnings.push_back(fmt::format("the date taken, \"{}\", is no date", written.time));
      return {};
    }
    moment->offset = find_offset(*moment, written, exif, xmp, warnings);
  } else if (const std::optional<Local> utc = gps_time(exif)) {
    moment = Moment{*utc, minutes(0)};
  }
  if (!moment) return {};

  TakenTime taken;
  taken.text = fmt::format("{:%FT%T}", std::chrono::sys_seconds(moment->local.time_since_epoch()));
  const minutes offset = moment->offset.value_or(minutes(0));
  if (moment->offset) {
    const auto size = std::abs(offset.count());
    taken.text +=
        fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', size / 60, size % 60);
  }
  taken.seconds = (moment->local.time_since_epoch() - offset).count();

  constexpr std::int64_t kSecondsADay = 86400;
  constexpr std::int64_t kFirstPhotograph = -4'544'208'000;  // 1826-01-01, the year of Niépce's
  if (*taken.seconds > now + kSecondsADay) {
    warnings.push_back(fmt::format("the date taken, {}, is in the future", taken.text));
    return {};
  }
  if (*taken.seconds < kFirstPhotograph) {
    warnings.push_back(fmt::format("the date taken, {}, is before photography", taken.text));
    return {};
  }
  return taken;
}

}  // namespace saccade::photos
