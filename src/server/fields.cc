#include "server/fields.h"

#include <fmt/ranges.h>

#include <cmath>

namespace saccade::server {
namespace json = boost::json;
namespace {

// The largest whole number up to which a double has them all.
constexpr double kMaxExact = 9007199254740992.0;

std::optional<std::int64_t> whole_number(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return std::nullopt;
  const double number = value.get_double();  // some clients write 1.0
  if (number != std::floor(number) || std::abs(number) > kMaxExact) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::string range_text(std::int64_t low, std::int64_t high) {
  if (high != std::numeric_limits<std::int64_t>::max()) {
    return fmt::format(" from {} to {}", low, high);
  }
  if (low != std::numeric_limits<std::int64_t>::min()) return fmt::format(" from {} up", low);
  return "";
}

}  // namespace

std::string shown(const json::value& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  std::string text = json::serialize(value);
  constexpr std::size_t kLongest = 60;
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

Fields::Fields(const json::value& value, std::string where, bool lenient)
    : object_(value.if_object()), where_(std::move(where)), lenient_(lenient) {
  if (!object_) {
    refuse_field(where_, "{}: wanted a JSON object, found {}",
                 where_.empty() ? "the request's body" : where_, shown(value));
  }
}

std::string Fields::path(std::string_view name) const {
  return where_.empty() ? std::string(name) : fmt::format("{}.{}", where_, name);
}

const json::value* Fields::find(std::string_view name) {
  known_.emplace(name);
  const json::value* value = object_->if_contains({name.data(), name.size()});
  return value && !value->is_null() ? value : nullptr;
}

const json::value& Fields::need(std::string_view name) {
  if (const json::value* value = find(name)) return *value;
  refuse_field(path(name), "{} is missing", path(name));
}

std::optional<std::string> Fields::text(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    refuse_field(path(name), "{}: wanted a text, found {}", path(name), shown(*value));
  }
  return std::string(value->get_string());
}

std::string Fields::need_text(std::string_view name) {
  need(name);
  return *text(name);
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_bool()) {
    refuse_field(path(name), "{}: wanted true or false, found {}", path(name), shown(*value));
  }
  return value->get_bool();
}

std::optional<double> Fields::number(std::string_view name, double low, double high) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  const double number =
      value->is_number() ? value->to_number<double>() : std::numeric_limits<double>::quiet_NaN();
  if (number >= low && number <= high) return number;
  const bool bounded = low > -std::numeric_limits<double>::max();
  refuse_field(path(name), "{}: wanted a number{}, found {}", path(name),
               !bounded ? std::string()
               : high == std::numeric_limits<double>::max()
                   ? fmt::format(" from {} up", low)
                   : fmt::format(" from {} to {}", low, high),
               shown(*value));
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t low,
                                            std::int64_t high) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  const std::optional<std::int64_t> number = whole_number(*value);
  if (number && *number >= low && *number <= high) return number;
  refuse_field(path(name), "{}: wanted a whole number{}, found {}", path(name),
               range_text(low, high), shown(*value));
}

const json::array* Fields::list(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return nullptr;
  if (!value->is_array()) {
    refuse_field(path(name), "{}: wanted a list, found {}", path(name), shown(*value));
  }
  return &value->get_array();
}

std::optional<Fields> Fields::object(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  return Fields(*value, path(name), lenient_);
}

void Fields::refuse(std::string_view name, std::string_view why) {
  if (find(name)) refuse_field(path(name), "{}: {}", path(name), why);
}

void Fields::only(std::string_view name, const json::value& value, std::string_view why) {
  const json::value* found = find(name);
  if (found && *found != value) {
    refuse_field(path(name), "{}: wanted {}, found {}: {}", path(name), shown(value), shown(*found),
                 why);
  }
}

void Fields::done() {
  if (lenient_) return;
  for (const auto& member : *object_) {
    const std::string_view name(member.key().data(), member.key().size());
    if (known_.contains(name)) continue;
    refuse_field(path(name),
                 "{}: there is no such field here; there are: {} (saccade serve --lenient ignores "
                 "fields it does not know)",
                 path(name), fmt::join(known_, ", "));
  }
}

}  // namespace saccade::server
