// Filters that lay out text: indent, truncate, wordwrap, striptags.
#include <algorithm>
#include <iterator>

#include "text/jinja/fault.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_split.h"
#include "text/jinja/unicode.h"
#include "text/jinja/word_wrap.h"

namespace saccade::text::jinja {
namespace {

std::string indentation(const Value& width) {
  if (width.is_string()) return width.as_string();
  const Integer spaces = integer_or(width, "the width of indent", 4);
  if (spaces > 10000) raise("indent: a width of over 10000 is not supported");
  return std::string(static_cast<std::size_t>(std::max<Integer>(spaces, 0)), ' ');
}

Value indent(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("indent", arguments, {"s", "width", "first", "blank"}, 1);
  if (bound[0].is_undefined()) raise("{}", bound[0].undefined_message());
  const std::string& text = string_argument(bound[0], "the text of indent");
  const std::string prefix = indentation(bound[1]);
  const bool blank = truthy(bound[3]);
  runtime.charge(text.size());
  const std::string terminated = text + "\n";
  std::string out = truthy(bound[2]) ? prefix : "";
  bool first = true;
  for (const std::string_view line : split_lines(terminated, false)) {
    if (!first) {
      out += '\n';
      if (blank || !line.empty()) out += prefix;
      runtime.charge(prefix.size());
    }
    first = false;
    out += line;
  }
  return runtime.string(std::move(out), bound[0].is_safe());
}

Value truncate_text(Runtime& runtime, const Arguments& arguments) {
  const auto bound =
      bind_arguments("truncate", arguments, {"s", "length", "killwords", "end", "leeway"}, 1);
  const Integer length = integer_or(bound[1], "the length", 255);
  const std::string end = bound[3].is_missing() ? "..." : str(bound[3]);
  const Integer leeway = integer_or(bound[4], "the leeway", 5);
  const auto end_size = static_cast<Integer>(count_code_points(end));
  if (length < end_size)
    raise("expected length >= {}, got {}", std::int64_t(end_size),
          static_cast<std::int64_t>(clamp_index(length)));
  if (leeway < 0) raise("expected leeway >= 0");
  runtime.charge(bound[0].weight());
  if (static_cast<Integer>(length_of(bound[0])) <= length + leeway) return bound[0];
  const std::u32string text = to_code_points(string_argument(bound[0], "the text of truncate"));
  std::u32string kept = text.substr(0, static_cast<std::size_t>(length - end_size));
  if (!truthy(bound[2])) {
    const std::size_t space = kept.rfind(U' ');
    if (space != std::u32string::npos) kept.resize(space);
  }
  return runtime.string(to_utf8(kept) + end, bound[0].is_safe());
}

Value wordwrap(Runtime& runtime, const Arguments& arguments) {
  const auto bound =
      bind_arguments("wordwrap", arguments,
                     {"s", "width", "break_long_words", "wrapstring", "break_on_hyphens"}, 1);
  const std::string& text = string_argument(bound[0], "the text of wordwrap");
  const Integer width = integer_or(bound[1], "the width", 79);
  if (width <= 0) raise("invalid width (must be > 0)");
  WrapStyle style;
  style.width = static_cast<std::size_t>(std::min<Integer>(width, PTRDIFF_MAX));
  style.break_long_words = bound[2].is_missing() || truthy(bound[2]);
  style.break_on_hyphens = bound[4].is_missing() || truthy(bound[4]);
  const std::string joint =
      bound[3].is_missing() || bound[3].is_none() ? "\n" : string_argument(bound[3], "wrapstring");
  runtime.charge(2 * text.size());
  std::string out;
  bool first = true;
  for (const std::string_view line : split_lines(text, false)) {
    if (!first) out += joint;
    first = false;
    bool first_part = true;
    for (const std::string& part : wrap_words(line, style)) {
      if (!first_part) out += joint;
      first_part = false;
      out += part;
      runtime.charge(joint.size() + part.size());
    }
  }
  return runtime.string(std::move(out));
}

/// Without comments and tags; white space between words becomes one space.
std::string without_tags(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t open = text.find('<', i);
    if (open == std::string_view::npos) return out.append(text.substr(i));
    out += text.substr(i, open - i);
    const bool comment = text.substr(open).starts_with("<!--");
    const std::string_view closing = comment ? "-->" : ">";
    const std::size_t close = text.find(closing, open);
    if (close == std::string_view::npos) return out.append(text.substr(open));
    i = close + closing.size();
  }
  return out;
}

std::string unescape_entities(std::string_view text) {
  struct Entity {
    std::string_view name, meaning;
  };
  static constexpr Entity kEntities[] = {{"&lt;", "<"},    {"&gt;", ">"},       {"&amp;", "&"},
                                         {"&quot;", "\""}, {"&#34;", "\""},     {"&#39;", "'"},
                                         {"&apos;", "'"},  {"&nbsp;", "\u00A0"}};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto* entity =
        std::find_if(std::begin(kEntities), std::end(kEntities),
                     [&](const Entity& entry) { return text.substr(i).starts_with(entry.name); });
    if (text[i] != '&') {
      out += text[i++];
    } else if (entity != std::end(kEntities)) {
      out += entity->meaning;
      i += entity->name.size();
    } else {
      // HTML has two thousand more; guessing which text is one would be worse than to say so.
      const std::size_t end = text.find(';', i);
      const bool is_entity = end != std::string_view::npos && end - i > 1 && end - i < 34 &&
                             text.substr(i + 1, end - i - 1).find_first_of(" &") == text.npos;
      if (is_entity)
        raise("striptags: the entity {} is not supported", text.substr(i, end + 1 - i));
      out += text[i++];
    }
  }
  return out;
}

Value striptags(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("striptags", arguments, {"value"}, 1)[0];
  runtime.charge(2 * value.weight());
  const std::string text = without_tags(str(value));
  std::string out;
  for (const std::string_view word : split_at_spaces(text, -1, false)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return runtime.string(unescape_entities(out));
}

/// A copy with the entries of dictionaries in order, as Python's pprint has them.
Value with_sorted_keys(Runtime& runtime, const Value& value) {
  runtime.step();
  if (value.is_sequence()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(with_sorted_keys(runtime, item));
    return value.is(Type::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
  }
  if (!value.is_dict()) return value;
  auto entries = value.as_dict().entries();
  std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
    const bool comparable = left.first.type() == right.first.type() &&
                            (left.first.is_string() || left.first.is_number());
    return comparable && less(left.first, right.first);
  });
  Dict dict;
  for (const auto& [key, item] : entries) dict.set(key, with_sorted_keys(runtime, item));
  return runtime.dict(std::move(dict));
}

Value pretty_print(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("pprint", arguments, {"value"}, 1);
  runtime.charge(bound[0].weight());
  std::string out = repr(with_sorted_keys(runtime, bound[0]));
  constexpr std::size_t kWidth = 80;
  if (count_code_points(out) > kWidth) {
    raise("pprint of what does not fit into a line of {} columns is not supported", kWidth);
  }
  return runtime.string(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"indent", indent},       {"truncate", truncate_text}, {"wordwrap", wordwrap},
    {"striptags", striptags}, {"pprint", pretty_print},
};

}  // namespace

const FilterEntry* find_layout_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const FilterEntry& entry) { return entry.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace saccade::text::jinja
