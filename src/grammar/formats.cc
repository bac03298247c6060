#include "grammar/formats.h"

#include <fmt/format.h>

#include "grammar/regex.h"

namespace saccade::grammar {
namespace {

// RFC 3339 with the days that each month has, and the 29th of February in leap years only.
std::string date() {
  const std::string year = "[0-9]{4}";
  // Years divisible by four, but of whole centuries only those divisible by four hundred.
  const std::string by_four = "(?:0[48]|[2468][048]|[13579][26])";
  const std::string leap = fmt::format("(?:[0-9]{{2}}{}|(?:00|{})00)", by_four, by_four);
  return fmt::format(
      "(?:{}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
      "|"
      "02-(?:0[1-9]|1[0-9]|2[0-8]))|{}-02-29)",
      year, leap);
}

// Leap seconds are left out: whether there was one cannot be told from the text.
std::string time() {
  return "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?"
         "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
}

// RFC 3339, appendix A.
std::string duration() {
  const std::string hours = "(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)";
  const std::string days = "(?:[0-9]+D|[0-9]+M(?:[0-9]+D)?|[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?)";
  return fmt::format("P(?:{}(?:T{})?|T{}|[0-9]+W)", days, hours, hours);
}

std::string ipv4() {
  const std::string octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  return fmt::format("{0}\\.{0}\\.{0}\\.{0}", octet);
}

// RFC 4291, section 2.2.
std::string ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last = fmt::format("(?:{0}:{0}|{1})", group, ipv4());
  std::string all = fmt::format("(?:{}:){{6}}{}", group, last);
  for (int before = 0; before <= 5; ++before) {
    // `before` groups at most stand before the ::, and 5 - before with the last 32 bits behind it.
    const std::string head =
        before == 0 ? "" : fmt::format("(?:(?:{0}:){{0,{1}}}{0})?", group, before - 1);
    const int behind = 5 - before;
    const std::string tail =
        behind == 0 ? last : fmt::format("(?:{}:){{{}}}{}", group, behind, last);
    all += "|" + head + "::" + tail;
  }
  all += fmt::format("|(?:(?:{0}:){{0,5}}{0})?::{0}", group);
  all += fmt::format("|(?:(?:{0}:){{0,6}}{0})?::", group);
  return "(?:" + all + ")";
}

std::string hostname_label() {
  return "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
}

std::string hostname() {
  return fmt::format("{0}(?:\\.{0})*", hostname_label());
}

// RFC 5321's mailboxes without quoted strings and address literals.
std::string email() {
  const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
  return fmt::format("{0}(?:\\.{0})*@{1}", atom, hostname());
}

// RFC 3986: a scheme, then an authority with its path or a path alone.
std::string uri() {
  const std::string escaped = "%[0-9A-Fa-f]{2}";
  const std::string plain = "A-Za-z0-9._~!$&'()*+,;=\\-";
  const std::string segment = fmt::format("(?:[{}:@]|{})", plain, escaped);
  const std::string host = fmt::format("(?:\\[{}\\]|(?:[{}]|{})*)", ipv6(), plain, escaped);
  const std::string authority =
      fmt::format("(?:(?:[{}:]|{})*@)?{}(?::[0-9]*)?", plain, escaped, host);
  const std::string path =
      fmt::format("(?://{0}(?:/{1}*)*|/(?:{1}+(?:/{1}*)*)?|{1}+(?:/{1}*)*|)", authority, segment);
  const std::string rest = fmt::format("(?:[{}:@/?]|{})*", plain, escaped);
  return fmt::format("[A-Za-z][A-Za-z0-9+.-]*:{0}(?:\\?{1})?(?:#{1})?", path, rest);
}

std::string pattern_of(std::string_view name) {
  if (name == "date") return date();
  if (name == "time") return time();
  if (name == "date-time") return date() + "[Tt]" + time();
  if (name == "duration") return duration();
  if (name == "email") return email();
  if (name == "uri") return uri();
  if (name == "uuid") return "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
  if (name == "ipv4") return ipv4();
  if (name == "ipv6") return ipv6();
  if (name == "hostname") return hostname();
  return {};
}

}  // namespace

std::optional<Format> format_of(std::string_view name) {
  const std::string pattern = pattern_of(name);
  if (pattern.empty()) return std::nullopt;
  Format format{compile_regex(pattern, RegexMatch::kWhole)};
  // Names of hosts are at most 253 characters long (RFC 1123).
  if (name == "hostname") format.max = 253;
  return format;
}

}  // namespace saccade::grammar
