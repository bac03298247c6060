// Filters that make text out of a value.
#include <algorithm>
#include <iterator>

#include "text/jinja/fault.h"
#include "text/jinja/filters.h"
#include "text/jinja/format.h"
#include "text/jinja/json_dump.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_split.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// str(value), which leaves Markup as it is.
Value soft_string(Runtime& runtime, const Value& value) {
  if (value.is_string()) return value;
  runtime.charge(value.weight());
  return runtime.string(str(value));
}

template <std::string (*Convert)(std::string_view)>
Value converted(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("this filter", arguments, {"s"}, 1);
  const Value text = soft_string(runtime, bound[0]);
  return runtime.string(Convert(text.as_string()), text.is_safe());
}

/// The title filter: words start after white space and - ( { [ <, unlike str.title.
std::string title_words(std::string_view text) {
  std::u32string out;
  const std::u32string points = to_code_points(text);
  const auto splits = [](char32_t c) {
    return is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
  };
  for (std::size_t i = 0; i < points.size();) {
    std::size_t end = i + 1;
    while (end < points.size() && splits(points[end]) == splits(points[i])) ++end;
    const std::u32string_view part = std::u32string_view(points).substr(i, end - i);
    out += to_upper(part.substr(0, 1));
    out += to_lower(part.substr(1));
    i = end;
  }
  return to_utf8(out);
}

Value title(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("title", arguments, {"s"}, 1);
  return runtime.string(title_words(soft_string(runtime, bound[0]).as_string()));
}

Value string(Runtime& runtime, const Arguments& arguments) {
  return soft_string(runtime, bind_arguments("string", arguments, {"object"}, 1)[0]);
}

Value safe(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("safe", arguments, {"value"}, 1);
  return runtime.string(str(soft_string(runtime, bound[0])), true);
}

Value escape(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("escape", arguments, {"s"}, 1);
  return runtime.string(escape_html(soft_string(runtime, bound[0])), true);
}

Value force_escape(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("forceescape", arguments, {"value"}, 1);
  return runtime.string(escape_html(str(soft_string(runtime, bound[0]))), true);
}

Value replace(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("replace", arguments, {"s", "old", "new", "count"}, 3);
  const auto count = clamp_index(integer_or(bound[3], "count", -1));
  return runtime.string(replace_all(runtime, str(soft_string(runtime, bound[0])), str(bound[1]),
                                    str(bound[2]), count));
}

Value trim(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("trim", arguments, {"value", "chars"}, 1);
  const Value text = soft_string(runtime, bound[0]);
  const std::string& bytes = text.as_string();
  if (bound[1].is_missing() || bound[1].is_none()) {
    return runtime.string(std::string(strip(bytes, true, true)), text.is_safe());
  }
  const std::u32string chars = to_code_points(string_argument(bound[1], "strip arg"));
  return runtime.string(std::string(strip_chars(bytes, chars, true, true)), text.is_safe());
}

Value center(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("center", arguments, {"value", "width"}, 1);
  const Value text = soft_string(runtime, bound[0]);
  const Integer width = integer_or(bound[1], "a width", 80);
  return runtime.string(justify_text(runtime, text.as_string(), width, U' ', '^'), text.is_safe());
}

Value format(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1 && !arguments.keyword.empty()) {
    raise("can't handle positional and keyword arguments at the same time");
  }
  const Value text = soft_string(runtime, arguments.positional[0]);
  Value values;
  if (arguments.keyword.empty()) {
    values = runtime.tuple({arguments.positional.begin() + 1, arguments.positional.end()});
  } else {
    Dict dict;
    for (const auto& [name, value] : arguments.keyword) dict.set(Value::string(name), value);
    values = runtime.dict(std::move(dict));
  }
  return binary(runtime, BinaryOp::kModulo, text, values);
}

std::optional<std::string> json_indent(const Value& indent) {
  if (indent.is_missing() || indent.is_none()) return std::nullopt;
  if (indent.is_string()) return indent.as_string();
  const Integer width = integer_argument(indent, "indent");
  if (width > 1000) raise("tojson: an indent of over 1000 is not supported");
  return std::string(static_cast<std::size_t>(std::max<Integer>(width, 0)), ' ');
}

/// tojson as transformers defines it for chat templates: json.dumps without escaping for HTML.
Value tojson(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("tojson", arguments,
                                    {"x", "ensure_ascii", "indent", "separators", "sort_keys"}, 1);
  JsonStyle style;
  style.ensure_ascii = truthy(bound[1]);
  style.indent = json_indent(bound[2]);
  style.sort_keys = truthy(bound[4]);
  if (!bound[3].is_missing() && !bound[3].is_none()) {
    const auto pair = runtime.iterate(bound[3]);
    if (pair->items.size() != 2) raise("tojson: separators must be a pair");
    style.item_separator = string_argument(pair->items[0], "tojson: a separator");
    style.key_separator = string_argument(pair->items[1], "tojson: a separator");
  } else if (style.indent) {
    style.item_separator = ",";
  }
  return runtime.string(dump_json(runtime, bound[0], style));
}

std::string quote_url(std::string_view text, bool for_query) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool kept = letter || std::string_view("_.-~").find(c) != std::string_view::npos ||
                      (c == '/' && !for_query);
    if (kept) {
      out += c;
    } else if (c == ' ' && for_query) {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

Value urlencode(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("urlencode", arguments, {"value"}, 1)[0];
  const bool plain = value.is_string() || value.is_number() || value.is_none() ||
                     (value.is_object() && !value.as_object()->iterable());
  if (plain) return runtime.string(quote_url(str(value), false));
  std::string out;
  const auto append = [&](const Value& key, const Value& item) {
    if (!out.empty()) out += '&';
    runtime.charge(key.weight() + item.weight());
    out += quote_url(str(key), true) + '=' + quote_url(str(item), true);
  };
  if (value.is_dict()) {
    for (const auto& [key, item] : value.as_dict().entries()) append(key, item);
  } else {
    for (const auto all = runtime.iterate(value); const Value& pair : all->items) {
      const auto items = runtime.iterate(pair);
      if (items->items.size() != 2) raise("urlencode needs pairs");
      append(items->items[0], items->items[1]);
    }
  }
  return runtime.string(std::move(out));
}

Value xmlattr(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("xmlattr", arguments, {"d", "autospace"}, 1);
  if (!bound[0].is_dict()) raise("xmlattr needs a mapping, not {}", type_name(bound[0]));
  std::string out;
  for (const auto& [key, value] : bound[0].as_dict().entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    const std::string& name = string_argument(key, "the name of an attribute");
    if (name.find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      raise("Invalid character in attribute name: {}", repr(key));
    }
    runtime.charge(value.weight());
    if (!out.empty()) out += ' ';
    out += escape_html(key) + "=\"" + escape_html(value) + '"';
  }
  const bool space = bound[1].is_missing() || truthy(bound[1]);
  if (space && !out.empty()) out.insert(0, " ");
  return runtime.string(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"upper", converted<upper>},
    {"lower", converted<lower>},
    {"capitalize", converted<capitalize>},
    {"title", title},
    {"string", string},
    {"safe", safe},
    {"escape", escape},
    {"e", escape},
    {"forceescape", force_escape},
    {"replace", replace},
    {"trim", trim},
    {"center", center},
    {"format", format},
    {"tojson", tojson},
    {"urlencode", urlencode},
    {"xmlattr", xmlattr},
};

}  // namespace

const FilterEntry* find_text_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const FilterEntry& entry) { return entry.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace saccade::text::jinja
