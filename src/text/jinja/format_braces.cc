// str.format, with attributes and items looked up as jinja2's sandbox looks them up.
#include <algorithm>
#include <charconv>

#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/limits.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace saccade::text::jinja {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments, bool escape)
      : runtime_(runtime), arguments_(arguments), escape_(escape) {}

  /// `levels` bounds the fields within format specifications, as Python does.
  std::string run(std::string_view text, int levels) {
    if (levels < 0) raise("Max string recursion exceeded");
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c != '{' && c != '}') {
        out += c;
        continue;
      }
      if (i + 1 < text.size() && text[i + 1] == c) {
        out += c;
        ++i;
        continue;
      }
      if (c == '}') raise("Single '}}' encountered in format string");
      const std::size_t end = field_end(text, i + 1);
      out += field(text.substr(i + 1, end - i - 1), levels);
      if (out.size() > kMaxTextBytes) raise("format() makes over {} bytes", kMaxTextBytes);
      i = end;
    }
    return out;
  }

 private:
  static std::size_t field_end(std::string_view text, std::size_t from) {
    int open = 1;
    for (std::size_t i = from; i < text.size(); ++i) {
      if (text[i] == '{') ++open;
      if (text[i] == '}' && --open == 0) return i;
    }
    if (from == text.size()) raise("Single '{{' encountered in format string");
    raise("expected '}}' before end of string");
  }

  /// name!conversion:specification
  std::string field(std::string_view text, int levels) {
    std::size_t name_end = 0;
    int brackets = 0;
    while (name_end < text.size()) {
      const char c = text[name_end];
      if (c == '[') ++brackets;
      if (c == ']' && brackets > 0) --brackets;
      if (brackets == 0 && (c == '!' || c == ':')) break;
      ++name_end;
    }
    const Value value = look_up(text.substr(0, name_end));
    std::string_view rest = text.substr(name_end);
    char conversion = '\0';
    if (rest.starts_with('!')) {
      if (rest.size() < 2) raise("end of string while looking for conversion specifier");
      conversion = rest[1];
      rest.remove_prefix(2);
      if (!rest.empty() && rest[0] != ':') raise("expected ':' after conversion specifier");
    }
    const std::string spec = rest.empty() ? "" : run(rest.substr(1), levels - 1);
    runtime_.charge(value.weight());
    const Value shown = convert(value, conversion);
    const std::string made =
        spec.empty() ? str(shown) : format_value(shown, parse_format_spec(spec));
    return escape_ && !shown.is_safe() ? escape_html(made) : made;
  }

  static Value convert(const Value& value, char conversion) {
    if (conversion == '\0') return value;
    if (conversion == 's') return Value::string(str(value));
    if (conversion == 'r') return Value::string(repr(value));
    raise("Unknown conversion specifier '{}'", conversion);
  }

  Value look_up(std::string_view path) {
    const std::size_t first_end = std::min(path.find_first_of(".["), path.size());
    Value value = argument(path.substr(0, first_end));
    std::string_view rest = path.substr(first_end);
    while (!rest.empty()) {
      if (rest[0] == '.') {
        const std::size_t end = std::min(rest.find_first_of(".[", 1), rest.size());
        if (end == 1) raise("Empty attribute in format string");
        value = runtime_.attribute(value, rest.substr(1, end - 1));
        rest.remove_prefix(end);
      } else if (rest[0] == '[') {
        const std::size_t end = rest.find(']');
        if (end == std::string_view::npos) raise("Missing ']' in format string");
        const std::string_view key = rest.substr(1, end - 1);
        if (key.empty()) raise("Empty attribute in format string");
        value = runtime_.item(value, is_number(key) ? Value::integer(*parse_integer(key, 10))
                                                    : Value::string(std::string(key)));
        rest.remove_prefix(end + 1);
      } else {
        raise("Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  Value argument(std::string_view name) {
    if (name.empty() || is_number(name)) {
      const bool automatic = name.empty();
      if (numbered_ && automatic != automatic_) {
        raise("cannot switch between automatic field numbering and manual field specification");
      }
      numbered_ = true;
      automatic_ = automatic;
      std::size_t index = next_;
      if (automatic) {
        ++next_;
      } else if (std::from_chars(name.data(), name.data() + name.size(), index).ec != std::errc()) {
        raise("Too many decimal digits in format string");
      }
      if (index >= arguments_.positional.size()) {
        raise("Replacement index {} out of range for positional args tuple", index);
      }
      return arguments_.positional[index];
    }
    for (const auto& [key, value] : arguments_.keyword) {
      if (key == name) return value;
    }
    raise("format() has no argument '{}'", name);
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  bool escape_;
  std::size_t next_ = 0;
  bool numbered_ = false;
  bool automatic_ = false;
};

}  // namespace

std::string format_braces(Runtime& runtime, std::string_view text, const Arguments& arguments,
                          bool escape) {
  runtime.charge(text.size());
  return BraceFormatter(runtime, arguments, escape).run(text, 2);
}

}  // namespace saccade::text::jinja
