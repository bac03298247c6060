#include "photos/eval/field_scores.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/utf8.h"

namespace saccade::photos::eval {
namespace json = boost::json;
namespace {

struct Free {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

std::string folded(std::string_view text) {
  const std::string valid = valid_utf8(text);
  const std::unique_ptr<utf8proc_uint8_t, Free> result(
      utf8proc_NFKC_Casefold(reinterpret_cast<const utf8proc_uint8_t*>(valid.c_str())));
  return trimmed(result ? reinterpret_cast<const char*>(result.get()) : valid);
}

/// A number as text, the same for 2 and 2.0.
std::string number_text(const json::value& number) {
  if (number.is_int64()) return fmt::format("{}", number.get_int64());
  if (number.is_uint64()) return fmt::format("{}", number.get_uint64());
  const double value = number.get_double();
  constexpr double kExact = 9007199254740992.0;  // 2^53: whole doubles below are what they say
  if (value == std::floor(value) && std::abs(value) <= kExact) {
    return fmt::format("{}", static_cast<std::int64_t>(value));
  }
  return fmt::format("{}", value);
}

void collect(const json::value& value, const std::string& path, FieldValues& values) {
  switch (value.kind()) {
    case json::kind::object:
      if (value.get_object().empty()) values[path];
      for (const auto& member : value.get_object()) {
        const std::string_view key(member.key().data(), member.key().size());
        collect(member.value(), path.empty() ? std::string(key) : fmt::format("{}.{}", path, key),
                values);
      }
      return;
    case json::kind::array:
      if (value.get_array().empty()) values[path];
      for (const json::value& item : value.get_array()) collect(item, path, values);
      return;
    case json::kind::null:
      values[path];
      return;
    case json::kind::bool_:
      values[path].insert(value.get_bool() ? "true" : "false");
      return;
    case json::kind::string: {
      const std::string text = folded({value.get_string().data(), value.get_string().size()});
      auto& texts = values[path];
      // Apart from numbers and truth values of the same spelling.
      if (!text.empty()) texts.insert('"' + text);
      return;
    }
    default:
      values[path].insert(number_text(value));
  }
}

/// Whether `path` is `field` or lies in it.
bool is_in(std::string_view path, std::string_view field) {
  return path.starts_with(field) && (path.size() == field.size() || path[field.size()] == '.');
}

bool names_field_of(const json::object& label, std::string_view path) {
  return std::ranges::any_of(label, [&](const auto& member) {
    return is_in(path, {member.key().data(), member.key().size()});
  });
}

/// The values at a path, and those below, where nobody labelled anything: there they are of another
/// shape than the label, and agree with none of its values.
std::set<std::string> values_in(const FieldValues& fields, const std::string& path) {
  std::set<std::string> all;
  for (auto entry = fields.lower_bound(path);
       entry != fields.end() && entry->first.starts_with(path); ++entry) {
    if (!is_in(entry->first, path)) continue;
    const std::string below = entry->first.substr(path.size());
    for (const std::string& value : entry->second) all.insert(below + value);
  }
  return all;
}

Counts compare(const std::set<std::string>& wanted, const std::set<std::string>& found) {
  Counts counts;
  for (const std::string& value : found) {
    ++(wanted.contains(value) ? counts.true_positives : counts.false_positives);
  }
  counts.false_negatives = std::ssize(wanted) - counts.true_positives;
  return counts;
}

double ratio(std::int64_t part, std::int64_t whole, bool nothing_at_all) {
  if (whole == 0) return nothing_at_all ? 1.0 : 0.0;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

FieldValues field_values(const json::object& fields) {
  FieldValues values;
  if (!fields.empty()) collect(fields, "", values);
  return values;
}

Counts& Counts::operator+=(const Counts& other) {
  true_positives += other.true_positives;
  false_positives += other.false_positives;
  false_negatives += other.false_negatives;
  return *this;
}

double Counts::precision() const {
  return ratio(true_positives, true_positives + false_positives, false_negatives == 0);
}

double Counts::recall() const {
  return ratio(true_positives, true_positives + false_negatives, false_positives == 0);
}

double Counts::f1() const {
  return ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives, true);
}

FieldScorer::FieldScorer(const std::vector<json::object>& labels) {
  std::set<std::string> paths;
  for (const json::object& label : labels) {
    for (const auto& [path, values] : field_values(label)) paths.insert(path);
  }
  // "objects" is there only because it is empty in some label; others say what is in it.
  for (const std::string& path : paths) {
    const bool has_parts = std::ranges::any_of(
        paths, [&](const std::string& other) { return other != path && is_in(other, path); });
    if (!has_parts) paths_.push_back(path);
  }
}

std::vector<std::optional<Counts>> FieldScorer::score(const json::object& label,
                                                      const json::object* answer) const {
  const FieldValues wanted = field_values(label);
  const FieldValues found = answer ? field_values(*answer) : FieldValues();
  std::vector<std::optional<Counts>> scores;
  for (const std::string& path : paths_) {
    scores.push_back(names_field_of(label, path)
                         ? std::optional(compare(values_in(wanted, path), values_in(found, path)))
                         : std::nullopt);
  }
  return scores;
}

Counts total(const std::vector<std::optional<Counts>>& fields) {
  Counts sum;
  for (const auto& counts : fields) {
    if (counts) sum += *counts;
  }
  return sum;
}

}  // namespace saccade::photos::eval
