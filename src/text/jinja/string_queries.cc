// Methods of str that ask about text: where something is, what it is made of.
#include <algorithm>
#include <iterator>

#include "text/jinja/fault.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// Text between two positions, which count code points.
struct Window {
  std::u32string text;
  std::size_t offset = 0;
  bool inverted = false;  ///< it starts behind its end: not even nothing is found in it
};

Window window_of(Runtime& runtime, const Value& self, const Value& start, const Value& stop) {
  runtime.charge(self.as_string().size());
  Window window;
  window.text = to_code_points(self.as_string());
  const auto size = static_cast<Integer>(window.text.size());
  const auto place = [&](const Value& given, Integer otherwise) {
    Integer at = integer_or(given, "a position", otherwise);
    if (at < 0) at = std::max<Integer>(at + size, 0);
    return at;
  };
  const Integer from = place(start, 0), to = std::min(place(stop, size), size);
  window.inverted = from > to;
  if (window.inverted) return window;
  window.offset = static_cast<std::size_t>(from);
  window.text = window.text.substr(window.offset, static_cast<std::size_t>(to - from));
  return window;
}

std::vector<Value> bind_search(std::string_view name, const Arguments& arguments) {
  return bind_arguments(name, arguments, {"sub", "start", "end"}, 1);
}

/// The position found, or -1.
Integer search(Runtime& runtime, const Value& self, const Arguments& arguments, bool from_right) {
  const auto bound = bind_search("find", arguments);
  const std::u32string wanted = to_code_points(string_argument(bound[0], "the text to find"));
  const Window window = window_of(runtime, self, bound[1], bound[2]);
  runtime.charge_search(window.text.size(), wanted.size());
  if (window.inverted) return -1;
  const std::size_t at = from_right ? window.text.rfind(wanted) : window.text.find(wanted);
  return at == std::u32string::npos ? -1 : static_cast<Integer>(at + window.offset);
}

Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return Value::integer(search(runtime, self, arguments, false));
}
Value rfind(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return Value::integer(search(runtime, self, arguments, true));
}

Value found_or_raise(Integer position) {
  if (position < 0) raise("substring not found");
  return Value::integer(position);
}
Value index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return found_or_raise(search(runtime, self, arguments, false));
}
Value rindex(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return found_or_raise(search(runtime, self, arguments, true));
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_search("count", arguments);
  const std::u32string wanted = to_code_points(string_argument(bound[0], "the text to count"));
  const Window window = window_of(runtime, self, bound[1], bound[2]);
  runtime.charge_search(window.text.size(), wanted.size());
  if (window.inverted) return Value::integer(0);
  if (wanted.empty()) return Value::integer(static_cast<Integer>(window.text.size()) + 1);
  Integer found = 0;
  std::size_t at = window.text.find(wanted);
  for (; at != std::u32string::npos; at = window.text.find(wanted, at + wanted.size())) ++found;
  return Value::integer(found);
}

Value has_affix(Runtime& runtime, const Value& self, const Arguments& arguments, bool prefix) {
  const auto bound = bind_search(prefix ? "startswith" : "endswith", arguments);
  const Window window = window_of(runtime, self, bound[1], bound[2]);
  const auto matches = [&](const Value& affix) {
    if (!affix.is_string()) {
      raise("{} first arg must be str or a tuple of str, not {}",
            prefix ? "startswith" : "endswith", type_name(affix));
    }
    runtime.charge(affix.as_string().size());
    const std::u32string wanted = to_code_points(affix.as_string());
    const std::u32string_view text = window.text;
    return !window.inverted && (prefix ? text.starts_with(wanted) : text.ends_with(wanted));
  };
  if (!bound[0].is(Type::kTuple)) return Value::boolean(matches(bound[0]));
  const auto& affixes = bound[0].items();
  return Value::boolean(std::any_of(affixes.begin(), affixes.end(), matches));
}

Value starts_with(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return has_affix(runtime, self, arguments, true);
}
Value ends_with(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return has_affix(runtime, self, arguments, false);
}

/// Whether all characters are of a kind. `Empty` is the answer for no characters.
template <bool (*Kind)(char32_t), bool Empty = false>
Value all_of_kind(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind_arguments("this method of str", arguments, {}, 0);
  runtime.charge(self.as_string().size());
  const std::u32string text = to_code_points(self.as_string());
  return Value::boolean(text.empty() ? Empty : std::all_of(text.begin(), text.end(), Kind));
}

bool is_ascii_point(char32_t c) {
  return c < 0x80;
}

template <bool (*Wanted)(char32_t), bool (*Other)(char32_t)>
Value all_cased(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind_arguments("this method of str", arguments, {}, 0);
  runtime.charge(self.as_string().size());
  const std::u32string text = to_code_points(self.as_string());
  const bool other =
      std::any_of(text.begin(), text.end(), [](char32_t c) { return Other(c) || is_title(c); });
  return Value::boolean(!other && std::any_of(text.begin(), text.end(), Wanted));
}

/// Upper case starts every word, and lower case goes on with it.
Value istitle(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind_arguments("istitle", arguments, {}, 0);
  runtime.charge(self.as_string().size());
  bool inside = false, any = false;
  for (const char32_t c : to_code_points(self.as_string())) {
    const bool starts = is_upper(c) || is_title(c);
    if ((starts && inside) || (is_lower(c) && !inside)) return Value::boolean(false);
    inside = starts || is_lower(c);
    any = any || inside;
  }
  return Value::boolean(any);
}

Value isidentifier(Runtime&, const Value& self, const Arguments& arguments) {
  bind_arguments("isidentifier", arguments, {}, 0);
  const std::u32string text = to_code_points(self.as_string());
  return Value::boolean(!text.empty() && is_identifier_start(text[0]) &&
                        std::all_of(text.begin(), text.end(), is_identifier_part));
}

constexpr Method kQueries[] = {
    {"find", find},
    {"rfind", rfind},
    {"index", index},
    {"rindex", rindex},
    {"count", count},
    {"startswith", starts_with},
    {"endswith", ends_with},
    {"isalnum", all_of_kind<is_alnum>},
    {"isalpha", all_of_kind<is_alpha>},
    {"isascii", all_of_kind<is_ascii_point, true>},
    {"isdecimal", all_of_kind<is_decimal>},
    {"isdigit", all_of_kind<is_digit>},
    {"isnumeric", all_of_kind<is_numeric>},
    {"isprintable", all_of_kind<is_printable, true>},
    {"isspace", all_of_kind<is_space>},
    {"isupper", all_cased<is_upper, is_lower>},
    {"islower", all_cased<is_lower, is_upper>},
    {"istitle", istitle},
    {"isidentifier", isidentifier},
};

}  // namespace

const Method* find_string_query(std::string_view name) {
  const auto* found = std::find_if(std::begin(kQueries), std::end(kQueries),
                                   [&](const Method& entry) { return entry.name == name; });
  return found == std::end(kQueries) ? nullptr : found;
}

}  // namespace saccade::text::jinja
