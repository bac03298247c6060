#include "text/jinja/printing.h"

#include <fmt/core.h>

#include "text/jinja/fault.h"
#include "text/jinja/limits.h"
#include "text/jinja/numbers.h"
#include "text/jinja/object.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

void append_items(std::string& out, const Value& value, int depth) {
  const bool tuple = value.is(Type::kTuple);
  out += tuple ? '(' : '[';
  bool first = true;
  for (const Value& item : value.items()) {
    if (!first) out += ", ";
    first = false;
    append_repr(out, item, depth + 1);
  }
  if (tuple && value.items().size() == 1) out += ',';
  out += tuple ? ')' : ']';
}

void append_entries(std::string& out, const Dict& dict, int depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, item] : dict.entries()) {
    if (!first) out += ", ";
    first = false;
    append_repr(out, key, depth + 1);
    out += ": ";
    append_repr(out, item, depth + 1);
  }
  out += '}';
}

void append_escaped(std::string& out, char32_t c, char quote) {
  if (c == U'\\' || c == static_cast<char32_t>(quote)) {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c == U'\n') {
    out += "\\n";
  } else if (c == U'\r') {
    out += "\\r";
  } else if (c == U'\t') {
    out += "\\t";
  } else if (is_printable(c)) {
    append_utf8(out, c);
  } else {
    const auto code = static_cast<unsigned>(c);
    if (c < 0x100) {
      out += fmt::format("\\x{:02x}", code);
    } else if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += fmt::format("\\U{:08x}", code);
    }
  }
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos;
  const bool twofold = text.find('"') != std::string_view::npos;
  const char quote = single && !twofold ? '"' : '\'';
  out += quote;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_at(text, i);
    append_escaped(out, point.value, quote);
    i += point.bytes;
  }
  out += quote;
}

void append_repr(std::string& out, const Value& value, int depth) {
  if (depth > kMaxNesting)
    raise("a value nested over {} levels deep cannot be printed", kMaxNesting);
  if (out.size() > kMaxTextBytes) raise("printing a value takes over {} bytes", kMaxTextBytes);
  switch (value.type()) {
    case Type::kMissing:
    case Type::kUndefined:
      out += "Undefined";
      return;
    case Type::kString:
      if (value.is_safe()) out += "Markup(";
      append_quoted(out, value.as_string());
      if (value.is_safe()) out += ')';
      return;
    case Type::kList:
    case Type::kTuple:
      return append_items(out, value, depth);
    case Type::kDict:
      return append_entries(out, value.as_dict(), depth);
    case Type::kObject:
      return value.as_object()->append_repr(out, depth);
    default:
      return append_str(out, value);
  }
}

void append_str(std::string& out, const Value& value) {
  switch (value.type()) {
    case Type::kMissing:
    case Type::kUndefined:
      return;
    case Type::kNone:
      out += "None";
      return;
    case Type::kBool:
      out += value.as_bool() ? "True" : "False";
      return;
    case Type::kInt:
      out += integer_repr(value.as_integer());
      return;
    case Type::kFloat:
      out += float_repr(value.as_double());
      return;
    case Type::kString:
      out += value.as_string();
      return;
    default:
      return append_repr(out, value, 0);
  }
}

std::string str(const Value& value) {
  std::string out;
  append_str(out, value);
  return out;
}

std::string repr(const Value& value) {
  std::string out;
  append_repr(out, value, 0);
  return out;
}

}  // namespace saccade::text::jinja
