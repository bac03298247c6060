#include "text/jinja/json_dump.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "text/jinja/fault.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_repr(value);
}

void append_unit(std::string& out, unsigned unit) {
  out += fmt::format("\\u{:04x}", unit);
}

void append_escaped(std::string& out, char32_t c, bool ensure_ascii) {
  static constexpr std::string_view kShort = "\"\\\n\r\t\f\b";
  static constexpr std::string_view kLetters = "\"\\nrtfb";
  const std::size_t known = c < 0x80 ? kShort.find(static_cast<char>(c)) : std::string_view::npos;
  if (known != std::string_view::npos) {
    out += '\\';
    out += kLetters[known];
  } else if (c < 0x20 || (ensure_ascii && c >= 0x7F && c < 0x10000)) {
    append_unit(out, static_cast<unsigned>(c));
  } else if (ensure_ascii && c >= 0x10000) {
    const auto rest = static_cast<unsigned>(c) - 0x10000;
    append_unit(out, 0xD800 + (rest >> 10));
    append_unit(out, 0xDC00 + (rest & 0x3FF));
  } else {
    append_utf8(out, c);
  }
}

class Dumper {
 public:
  Dumper(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  std::string run(const Value& value) {
    dump(value, 0);
    return std::move(out_);
  }

 private:
  void dump(const Value& value, int level) {
    if (out_.size() > kMaxTextBytes) raise("tojson: text of over {} bytes", kMaxTextBytes);
    switch (value.type()) {
      case Type::kNone:
        out_ += "null";
        return;
      case Type::kBool:
        out_ += value.as_bool() ? "true" : "false";
        return;
      case Type::kInt:
        out_ += integer_repr(value.as_integer());
        return;
      case Type::kFloat:
        out_ += json_float(value.as_double());
        return;
      case Type::kString:
        return dump_string(value.as_string());
      case Type::kList:
      case Type::kTuple:
        return dump_items(value.items(), level);
      case Type::kDict:
        return dump_entries(value.as_dict(), level);
      default:
        raise("Object of type {} is not JSON serializable", type_name(value));
    }
  }

  void dump_string(std::string_view text) {
    runtime_.charge(text.size());
    out_ += '"';
    for (std::size_t i = 0; i < text.size();) {
      const CodePoint point = decode_at(text, i);
      append_escaped(out_, point.value, style_.ensure_ascii);
      i += point.bytes;
    }
    out_ += '"';
  }

  void new_line(int level) {
    if (!style_.indent) return;
    out_ += '\n';
    for (int i = 0; i < level; ++i) out_ += *style_.indent;
    runtime_.charge(style_.indent->size() * static_cast<std::size_t>(level));
  }

  void dump_items(const std::vector<Value>& items, int level) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line(level + 1);
      dump(item, level + 1);
    }
    new_line(level);
    out_ += ']';
  }

  void dump_entries(const Dict& dict, int level) {
    if (dict.size() == 0) {
      out_ += "{}";
      return;
    }
    auto entries = dict.entries();
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
        return less(left.first, right.first);
      });
    }
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line(level + 1);
      dump_string(key_text(key));
      out_ += style_.key_separator;
      dump(value, level + 1);
    }
    new_line(level);
    out_ += '}';
  }

  static std::string key_text(const Value& key) {
    switch (key.type()) {
      case Type::kString:
        return key.as_string();
      case Type::kNone:
        return "null";
      case Type::kBool:
        return key.as_bool() ? "true" : "false";
      case Type::kInt:
        return integer_repr(key.as_integer());
      case Type::kFloat:
        return json_float(key.as_double());
      default:
        raise("keys must be str, int, float, bool or None, not {}", type_name(key));
    }
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

std::string dump_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  return Dumper(runtime, style).run(value);
}

}  // namespace saccade::text::jinja
