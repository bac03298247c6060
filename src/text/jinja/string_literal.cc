// The escapes of string literals, as Python's unicode-escape codec reads them.
#include <fmt/core.h>

#include <algorithm>

#include "text/jinja/fault.h"
#include "text/jinja/lexer.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Unescaper {
 public:
  Unescaper(std::string_view body, int line) : body_(body), line_(line) {}

  std::string run() {
    while (position_ < body_.size()) {
      const char c = body_[position_++];
      if (c != '\\' || position_ == body_.size()) {
        out_ += c;
      } else {
        escape();
      }
    }
    return std::move(out_);
  }

 private:
  void escape() {
    static constexpr std::string_view kNames = "abfnrtv\\'\"";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    const char c = body_[position_];
    if (const std::size_t known = kNames.find(c); known != std::string_view::npos) {
      ++position_;
      out_ += kMeanings[known];
    } else if (c == '\n') {
      ++position_;  // a line that goes on
    } else if (c >= '0' && c <= '7') {
      octal();
    } else if (c == 'x') {
      hexadecimal(2);
    } else if (c == 'u') {
      hexadecimal(4);
    } else if (c == 'U') {
      hexadecimal(8);
    } else if (c == 'N') {
      raise_at(line_, "characters by name, \\N{{...}}, are not supported");
    } else {
      unknown();
    }
  }

  void octal() {
    char32_t value = 0;
    for (int i = 0; i < 3 && position_ < body_.size(); ++i, ++position_) {
      const char c = body_[position_];
      if (c < '0' || c > '7') break;
      value = value * 8 + static_cast<char32_t>(c - '0');
    }
    append_utf8(out_, value);
  }

  void hexadecimal(std::size_t digits) {
    const char letter = body_[position_++];
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++position_) {
      const int digit = position_ < body_.size() ? hex_value(body_[position_]) : -1;
      if (digit < 0) raise_at(line_, "truncated \\{} escape in a string", letter);
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      raise_at(line_, "\\{} escape in a string: U+{:04X} is not a character", letter,
               static_cast<unsigned>(value));
    }
    append_utf8(out_, value);
  }

  /// Python keeps the backslash of an escape it does not know. Jinja encodes what is not ASCII
  /// before it reads escapes: a backslash before such a character escapes that encoding.
  void unknown() {
    out_ += '\\';
    const CodePoint point = decode_at(body_, position_);
    if (point.value < 0x80) return;
    const auto code = static_cast<unsigned>(point.value);
    out_ += code < 0x100     ? fmt::format("x{:02x}", code)
            : code < 0x10000 ? fmt::format("u{:04x}", code)
                             : fmt::format("U{:08x}", code);
    position_ += point.bytes;
  }

  std::string_view body_;
  int line_;
  std::size_t position_ = 0;
  std::string out_;
};

}  // namespace

std::string unescape(std::string_view body, int line) {
  return Unescaper(body, line).run();
}

}  // namespace saccade::text::jinja
