// "%s" % values.
#include <algorithm>

#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/limits.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// One %[(key)][flags][width][.precision]type.
struct Directive {
  bool left = false, zero = false, alternate = false;
  char sign = '-';
  std::size_t width = 0;
  int precision = -1;
};

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, std::string_view text, const Value& values, bool escape)
      : runtime_(runtime), text_(text), values_(values), escape_(escape) {}

  std::string run() {
    while (position_ < text_.size()) {
      const char c = text_[position_++];
      if (c != '%') {
        out_ += c;
      } else {
        directive();
        if (out_.size() > kMaxTextBytes) raise("formatting makes over {} bytes", kMaxTextBytes);
      }
    }
    if (!used_all()) raise("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  bool used_all() const {
    if (values_.is(Type::kTuple)) return next_ >= values_.items().size();
    // A mapping may have entries that the text does not name; what can be indexed counts as one.
    const bool mapping = values_.is_dict() || values_.is(Type::kList) || values_.is_undefined() ||
                         (values_.is_object() && values_.as_object()->indexable());
    return mapping || next_ > 0;
  }

  char peek() const {
    if (position_ >= text_.size()) raise("incomplete format");
    return text_[position_];
  }

  void directive() {
    Directive spec;
    Value keyed;
    if (peek() == '(') keyed = take_keyed();
    while (take_flag(spec)) {
    }
    spec.width = take_width(spec);
    if (peek() == '.') {
      ++position_;
      Directive unused;
      spec.precision = static_cast<int>(take_width(unused));
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++position_;
    const char type = text_[position_++];
    if (type == '%') {
      out_ += '%';
      return;
    }
    const Value value = keyed.is_missing() ? next() : keyed;
    runtime_.charge(value.weight());
    write(spec, type, value);
  }

  bool take_flag(Directive& spec) {
    switch (peek()) {
      case '-':
        spec.left = true;
        break;
      case '0':
        spec.zero = true;
        break;
      case '#':
        spec.alternate = true;
        break;
      case '+':
        spec.sign = '+';
        break;
      case ' ':
        if (spec.sign == '-') spec.sign = ' ';
        break;
      default:
        return false;
    }
    ++position_;
    return true;
  }

  std::size_t take_width(Directive& spec) {
    if (peek() == '*') {
      ++position_;
      Integer width = integer_argument(next(), "* wants int: a width");
      if (width < 0) spec.left = true;
      width = width < 0 ? -width : width;
      if (width > static_cast<Integer>(kMaxTextBytes)) raise("width too big");
      return static_cast<std::size_t>(width);
    }
    std::size_t width = 0;
    while (peek() >= '0' && peek() <= '9') {
      width = width * 10 + static_cast<std::size_t>(text_[position_++] - '0');
      if (width > kMaxTextBytes) raise("width too big");
    }
    return width;
  }

  Value take_keyed() {
    if (!values_.is_dict()) raise("format requires a mapping");
    const std::size_t start = ++position_;
    int open = 1;
    while (open > 0) {
      if (position_ >= text_.size()) raise("incomplete format key");
      const char c = text_[position_++];
      open += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    const std::string_view key = text_.substr(start, position_ - start - 1);
    const Value* found = values_.as_dict().find(key);
    if (found == nullptr) raise("format has no argument '{}'", key);
    return *found;
  }

  Value next() {
    const std::size_t index = next_++;
    if (values_.is(Type::kTuple)) {
      if (index < values_.items().size()) return values_.items()[index];
    } else if (index == 0) {
      return values_;
    }
    raise("not enough arguments for format string");
  }

  void write(const Directive& spec, char type, const Value& value) {
    switch (type) {
      case 's':
      case 'r':
      case 'a':
        return write_text(spec, type, value);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return write_number(spec, type, integer_of(type, value));
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) raise("must be real number, not {}", type_name(value));
        return write_number(spec, type, Value::number(value.as_double()));
      case 'c':
        return write_character(spec, value);
      default:
        raise("unsupported format character '{}'", type);
    }
  }

  static Value integer_of(char type, const Value& value) {
    if (value.is_integral()) return Value::integer(value.as_integer());
    const bool decimal = type == 'd' || type == 'i' || type == 'u';
    if (value.is(Type::kFloat) && decimal) return Value::integer(truncate(value.as_double()));
    raise("%{} format: {} is required, not {}", type, decimal ? "a real number" : "an integer",
          type_name(value));
  }

  void write_text(const Directive& spec, char type, const Value& value) {
    std::string text = type == 's' ? str(value) : repr(value);
    if (escape_) text = type == 's' ? escape_html(value) : escape_html(text);
    FormatSpec layout;
    layout.width = spec.width;
    layout.precision = spec.precision;
    layout.align = spec.left ? '<' : '>';
    out_ += format_value(Value::string(std::move(text)), layout);
  }

  void write_character(const Directive& spec, const Value& value) {
    std::string text;
    if (value.is_string() && count_code_points(value.as_string()) == 1) {
      text = value.as_string();
    } else {
      const Integer code = value.is_integral() ? value.as_integer() : -1;
      if (code < 0 || code > 0x10FFFF) raise("%c requires int or char");
      append_utf8(text, static_cast<char32_t>(code));
    }
    write_text({spec.left, false, false, '-', spec.width, -1}, 's', Value::string(text));
  }

  void write_number(const Directive& spec, char type, const Value& value) {
    FormatSpec layout;
    layout.sign = spec.sign;
    layout.alternate = spec.alternate;
    layout.width = spec.width;
    layout.type = type == 'i' || type == 'u' ? 'd' : type;
    layout.align = spec.left ? '<' : spec.zero ? '=' : '>';
    layout.fill = spec.zero && !spec.left ? U'0' : U' ';
    if (value.is(Type::kFloat)) {
      layout.precision = spec.precision;
    } else if (spec.precision > 0) {
      write_padded_integer(layout, spec, value);
      return;
    }
    out_ += format_value(value, layout);
  }

  /// A precision asks for that many digits of an integer.
  void write_padded_integer(FormatSpec layout, const Directive& spec, const Value& value) {
    FormatSpec digits = layout;
    const bool signed_text = value.as_integer() < 0 || spec.sign != '-';
    digits.width = static_cast<std::size_t>(spec.precision) + (signed_text ? 1 : 0);
    digits.fill = U'0';
    digits.align = '=';
    const std::string text = format_value(value, digits);
    out_ += pad(text, signed_text ? 1 : 0, layout);
  }

  Runtime& runtime_;
  std::string_view text_;
  const Value& values_;
  bool escape_;
  std::size_t position_ = 0;
  std::size_t next_ = 0;
  std::string out_;
};

}  // namespace

std::string format_percent(Runtime& runtime, std::string_view text, const Value& values,
                           bool escape) {
  runtime.charge(text.size());
  return PercentFormatter(runtime, text, values, escape).run();
}

}  // namespace saccade::text::jinja
