// Methods of str that make new text.
#include <algorithm>
#include <iterator>

#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_split.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// Text made from `self` is as safe as it.
Value made(Runtime& runtime, const Value& self, std::string text) {
  return runtime.string(std::move(text), self.is_safe());
}

/// What a method of Markup does to text it is given.
std::string operand(const Value& self, const Value& argument, std::string_view what) {
  string_argument(argument, what);
  return self.is_safe() ? escape_html(argument) : argument.as_string();
}

template <std::string (*Convert)(std::string_view)>
Value converted(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind_arguments("this method of str", arguments, {}, 0);
  runtime.charge(self.as_string().size());
  return made(runtime, self, Convert(self.as_string()));
}

std::string swap_case(std::string_view text) {
  std::u32string out;
  const std::u32string points = to_code_points(text);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::u32string_view one = std::u32string_view(points).substr(i, 1);
    out += is_upper(points[i])   ? to_lower_at(points, i)
           : is_lower(points[i]) ? to_upper(one)
                                 : std::u32string(one);
  }
  return to_utf8(out);
}

/// Python's title(): a letter starts a word where the character before it has no case.
std::string title(std::string_view text) {
  std::u32string out;
  bool inside = false;
  const std::u32string points = to_code_points(text);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const char32_t c = points[i];
    const bool cased = is_upper(c) || is_lower(c) || is_title(c);
    out += inside ? to_lower_at(points, i) : to_title_case(c);
    inside = cased;
  }
  return to_utf8(out);
}

std::string casefold(std::string_view text) {
  std::u32string out;
  for (const char32_t c : to_code_points(text)) {
    // What expands in upper case folds to the lower case of that; the rest to lower case.
    const std::u32string upper_case = to_upper(std::u32string_view(&c, 1));
    out += to_lower(upper_case.size() > 1 || c == 0x3C2 ? upper_case : std::u32string(1, c));
  }
  return to_utf8(out);
}

Value strip_method(Runtime& runtime, const Value& self, const Arguments& arguments, bool left,
                   bool right) {
  const auto bound = bind_arguments("strip", arguments, {"chars"}, 0);
  runtime.charge(self.as_string().size());
  if (bound[0].is_missing() || bound[0].is_none()) {
    return made(runtime, self, std::string(strip(self.as_string(), left, right)));
  }
  const std::u32string chars = to_code_points(operand(self, bound[0], "strip arg"));
  return made(runtime, self, std::string(strip_chars(self.as_string(), chars, left, right)));
}

Value strip_both(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return strip_method(runtime, self, arguments, true, true);
}
Value strip_left(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return strip_method(runtime, self, arguments, true, false);
}
Value strip_right(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return strip_method(runtime, self, arguments, false, true);
}

Value list_of(Runtime& runtime, const Value& self, const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  runtime.charge(self.as_string().size() + parts.size() * sizeof(Value));
  for (const std::string_view part : parts) {
    items.push_back(Value::string(std::string(part), self.is_safe()));
  }
  return runtime.list(std::move(items));
}

Value split_method(Runtime& runtime, const Value& self, const Arguments& arguments,
                   bool from_right) {
  const auto bound = bind_arguments("split", arguments, {"sep", "maxsplit"}, 0);
  const auto limit = clamp_index(integer_or(bound[1], "maxsplit", -1));
  const std::string& text = self.as_string();
  if (bound[0].is_missing() || bound[0].is_none()) {
    return list_of(runtime, self, split_at_spaces(text, limit, from_right));
  }
  const std::string& separator = string_argument(bound[0], "a separator");
  if (separator.empty()) raise("empty separator");
  runtime.charge_search(text.size(), separator.size());
  return list_of(runtime, self, split_at(text, separator, limit, from_right));
}

Value split_left(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return split_method(runtime, self, arguments, false);
}
Value split_right(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return split_method(runtime, self, arguments, true);
}

Value splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("splitlines", arguments, {"keepends"}, 0);
  return list_of(runtime, self, split_lines(self.as_string(), truthy(bound[0])));
}

Value partition_method(Runtime& runtime, const Value& self, const Arguments& arguments,
                       bool from_right) {
  const auto bound = bind_arguments("partition", arguments, {"sep"}, 1);
  const std::string& text = self.as_string();
  const std::string& separator = string_argument(bound[0], "a separator");
  if (separator.empty()) raise("empty separator");
  runtime.charge_search(text.size(), separator.size());
  const std::size_t at = from_right ? text.rfind(separator) : text.find(separator);
  std::vector<std::string> parts = {text, "", ""};
  if (at != std::string::npos) {
    parts = {text.substr(0, at), separator, text.substr(at + separator.size())};
  } else if (from_right) {
    std::swap(parts[0], parts[2]);
  }
  std::vector<Value> items;
  for (std::string& part : parts) items.push_back(made(runtime, self, std::move(part)));
  return runtime.tuple(std::move(items));
}

Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return partition_method(runtime, self, arguments, false);
}
Value rpartition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return partition_method(runtime, self, arguments, true);
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("replace", arguments, {"old", "new", "count"}, 2);
  const auto count = clamp_index(integer_or(bound[2], "count", -1));
  return made(
      runtime, self,
      replace_all(runtime, self.as_string(), string_argument(bound[0], "replace() argument 1"),
                  operand(self, bound[1], "replace() argument 2"), count));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("join", arguments, {"iterable"}, 1);
  std::string out;
  std::size_t index = 0;
  for (const auto all = runtime.iterate(bound[0]); const Value& item : all->items) {
    if (!item.is_string()) {
      raise("sequence item {}: expected str instance, {} found", index, type_name(item));
    }
    if (index++ > 0) out += self.as_string();
    out += operand(self, item, "an item");
    runtime.charge(item.as_string().size() + self.as_string().size());
  }
  return made(runtime, self, std::move(out));
}

Value format_method(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return made(runtime, self, format_braces(runtime, self.as_string(), arguments, self.is_safe()));
}

Value format_map(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("format_map", arguments, {"mapping"}, 1);
  if (!bound[0].is_dict()) raise("format_map() takes a mapping, not {}", type_name(bound[0]));
  Arguments named;
  for (const auto& [key, value] : bound[0].as_dict().entries()) {
    if (key.is_string()) named.keyword.emplace_back(key.as_string(), value);
  }
  return made(runtime, self, format_braces(runtime, self.as_string(), named, self.is_safe()));
}

Value remove_affix(Runtime& runtime, const Value& self, const Arguments& arguments, bool prefix) {
  const auto bound = bind_arguments("removeprefix", arguments, {"affix"}, 1);
  const std::string affix = operand(self, bound[0], "removeprefix() argument");
  std::string_view text = self.as_string();
  if (prefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!prefix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return made(runtime, self, std::string(text));
}

Value remove_prefix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return remove_affix(runtime, self, arguments, true);
}
Value remove_suffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return remove_affix(runtime, self, arguments, false);
}

Value justify(Runtime& runtime, const Value& self, const Arguments& arguments, char align) {
  const auto bound = bind_arguments("this method of str", arguments, {"width", "fillchar"}, 1);
  const Integer width = integer_argument(bound[0], "a width");
  char32_t fill = U' ';
  if (!bound[1].is_missing()) {
    const std::u32string given = to_code_points(string_argument(bound[1], "the fill character"));
    if (given.size() != 1) raise("The fill character must be exactly one character long");
    fill = given[0];
  }
  return made(runtime, self, justify_text(runtime, self.as_string(), width, fill, align));
}

Value center(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return justify(runtime, self, arguments, '^');
}
Value ljust(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return justify(runtime, self, arguments, '<');
}
Value rjust(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return justify(runtime, self, arguments, '>');
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("zfill", arguments, {"width"}, 1);
  const Integer width = integer_argument(bound[0], "a width");
  std::string out = justify_text(runtime, self.as_string(), width, U'0', '>');
  const std::size_t zeros = out.size() - self.as_string().size();
  if (zeros != 0 && zeros < out.size() && (out[zeros] == '+' || out[zeros] == '-')) {
    std::swap(out[0], out[zeros]);
  }
  return made(runtime, self, std::move(out));
}

Value expandtabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("expandtabs", arguments, {"tabsize"}, 0);
  const Integer size = integer_or(bound[0], "tabsize", 8);
  if (size > 1000) raise("expandtabs(): tabs of over 1000 columns are not supported");
  std::u32string out;
  Integer column = 0;
  for (const char32_t c : to_code_points(self.as_string())) {
    if (c == U'\t') {
      const Integer width = size > 0 ? size - column % size : 0;
      out.append(static_cast<std::size_t>(width), U' ');
      runtime.charge(static_cast<std::size_t>(width));
      column += width;
    } else {
      out += c;
      column = c == U'\n' || c == U'\r' ? 0 : column + 1;
    }
  }
  return made(runtime, self, to_utf8(out));
}

constexpr Method kMethods[] = {
    {"strip", strip_both},
    {"lstrip", strip_left},
    {"rstrip", strip_right},
    {"split", split_left},
    {"rsplit", split_right},
    {"splitlines", splitlines},
    {"partition", partition},
    {"rpartition", rpartition},
    {"replace", replace},
    {"join", join},
    {"format", format_method},
    {"format_map", format_map},
    {"upper", converted<upper>},
    {"lower", converted<lower>},
    {"title", converted<title>},
    {"capitalize", converted<capitalize>},
    {"swapcase", converted<swap_case>},
    {"casefold", converted<casefold>},
    {"removeprefix", remove_prefix},
    {"removesuffix", remove_suffix},
    {"center", center},
    {"ljust", ljust},
    {"rjust", rjust},
    {"zfill", zfill},
    {"expandtabs", expandtabs},
};

}  // namespace

const Method* find_string_method(std::string_view name) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [&](const Method& entry) { return entry.name == name; });
  return found == std::end(kMethods) ? nullptr : found;
}

}  // namespace saccade::text::jinja
