#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "text/jinja/fault.h"
#include "text/jinja/numbers.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

/// Line ends become \n, and one at the end of the template goes (keep_trailing_newline=False).
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)), rest_(source_) {}

  std::vector<Token> run() {
    while (position_ < rest_.size()) lex_text();
    add(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return position_ + ahead < rest_.size() ? rest_[position_ + ahead] : '\0';
  }
  bool at(std::string_view text) const { return rest_.substr(position_).starts_with(text); }

  void advance(std::size_t bytes) {
    const std::string_view passed = rest_.substr(position_, bytes);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    position_ += passed.size();
    // lstrip_blocks asks whether the last thing read ended a line.
    line_starting_ = passed.ends_with('\n');
  }

  std::size_t space_at(std::size_t from) const {
    std::size_t end = from;
    while (end < rest_.size()) {
      const CodePoint point = decode_at(rest_, end);
      if (!is_space(point.value)) break;
      end += point.bytes;
    }
    return end - from;
  }

  void add(TokenKind kind, std::string text) {
    tokens_.push_back({kind, line_, std::move(text), {}});
  }

  /// The next place where {{, {% or {# stands.
  std::size_t find_tag() const {
    for (std::size_t i = position_; i + 1 < rest_.size(); ++i) {
      if (rest_[i] == '{' && (rest_[i + 1] == '{' || rest_[i + 1] == '%' || rest_[i + 1] == '#')) {
        return i;
      }
    }
    return kNowhere;
  }

  /// The text before a tag, as the tag's sign and lstrip_blocks leave it.
  std::string_view strip_before_tag(std::string_view text, char sign, bool is_variable) const {
    if (sign == '-') return strip(text, false, true);
    if (sign == '+' || is_variable) return text;
    const std::size_t line = text.rfind('\n') + 1;  // 0 when there is none
    if (line == 0 && !line_starting_) return text;
    const std::string_view indent = text.substr(line);
    return strip(indent, true, false).empty() ? text.substr(0, line) : text;
  }

  void add_text(std::string_view text) {
    if (!text.empty()) add(TokenKind::kText, std::string(text));
  }

  void lex_text() {
    const std::size_t tag = find_tag();
    if (tag == kNowhere) {
      add_text(rest_.substr(position_));
      advance(rest_.size() - position_);
      return;
    }
    const char kind = rest_[tag + 1];
    const char mark = tag + 2 < rest_.size() ? rest_[tag + 2] : '\0';
    const bool has_sign = mark == '-' || mark == '+';
    const std::string_view text = rest_.substr(position_, tag - position_);
    add_text(strip_before_tag(text, has_sign ? mark : '\0', kind == '{'));
    advance(text.size());
    if (kind == '%' && raw_begin_length() != 0) {
      lex_raw();
      return;
    }
    const std::size_t begin = has_sign ? 3 : 2;
    if (kind == '#') {
      lex_comment(begin);
      return;
    }
    add(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, {});
    advance(begin);
    lex_code(kind == '%');
  }

  /// Reads the sign, white space and the closing text that may follow; 0 when it is not there.
  /// With `trims`, the newline after an unsigned end belongs to it (trim_blocks).
  std::size_t end_length(std::size_t from, std::string_view closing, bool plus, bool trims) const {
    std::string_view text = rest_.substr(std::min(from, rest_.size()));
    if (text.starts_with('-') && text.substr(1).starts_with(closing)) {
      const std::size_t length = 1 + closing.size();
      return length + space_at(from + length);
    }
    if (plus && text.starts_with('+') && text.substr(1).starts_with(closing)) {
      return 1 + closing.size();
    }
    if (!text.starts_with(closing)) return 0;
    const bool newline = trims && text.substr(closing.size()).starts_with('\n');
    return closing.size() + (newline ? 1 : 0);
  }

  void lex_comment(std::size_t begin) {
    for (std::size_t i = position_ + begin; i < rest_.size(); ++i) {
      if (const std::size_t length = end_length(i, "#}", true, true)) {
        advance(i + length - position_);
        return;
      }
    }
    raise_at(line_, "Missing end of comment tag");
  }

  /// The bytes of {% word %} from `from` up to before its end, or 0 when another tag stands there.
  std::size_t keyword_tag(std::size_t from, std::string_view word) const {
    std::size_t i = from + 2;
    if (i < rest_.size() && (rest_[i] == '-' || rest_[i] == '+')) ++i;
    i += space_at(i);
    if (!rest_.substr(i).starts_with(word)) return 0;
    i += word.size();
    return i + space_at(i) - from;
  }

  std::size_t raw_begin_length() const {
    const std::size_t head = keyword_tag(position_, "raw");
    // trim_blocks does not reach behind {% raw %}.
    const std::size_t end = head == 0 ? 0 : end_length(position_ + head, "%}", false, false);
    return end == 0 ? 0 : head + end;
  }

  void lex_raw() {
    advance(raw_begin_length());
    for (std::size_t i = position_; i + 1 < rest_.size(); ++i) {
      if (rest_[i] != '{' || rest_[i + 1] != '%') continue;
      const std::size_t head = keyword_tag(i, "endraw");
      const std::size_t end = head == 0 ? 0 : end_length(i + head, "%}", true, true);
      if (end == 0) continue;
      const char mark = i + 2 < rest_.size() ? rest_[i + 2] : '\0';
      const char sign = mark == '-' || mark == '+' ? mark : '\0';
      const std::string_view text = rest_.substr(position_, i - position_);
      add_text(strip_before_tag(text, sign, false));
      advance(text.size() + head + end);
      return;
    }
    raise_at(line_, "Missing end of raw directive");
  }

  /// Reads the tokens of one tag, up to and with its end.
  void lex_code(bool is_block) {
    const std::string_view closing = is_block ? "%}" : "}}";
    std::vector<char> open;
    while (position_ < rest_.size()) {
      if (open.empty()) {
        if (const std::size_t end = end_length(position_, closing, is_block, is_block)) {
          add(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, {});
          advance(end);
          return;
        }
      }
      if (const std::size_t space = space_at(position_)) {
        advance(space);
      } else if (is_ascii_digit(peek())) {
        lex_number();
      } else if (is_identifier_start(decode_at(rest_, position_).value)) {
        lex_name();
      } else if (peek() == '\'' || peek() == '"') {
        lex_string();
      } else {
        lex_operator(open);
      }
    }
  }

  /// The length of digits, single underscores between them, at `from`; 0 without a digit.
  std::size_t digits_at(std::size_t from, int base) const {
    std::size_t end = from;
    const auto is_digit_of = [&](std::size_t i) {
      if (i >= rest_.size()) return false;
      const char c = rest_[i];
      if (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return true;
      return c >= '0' && c < '0' + std::min(base, 10);
    };
    while (is_digit_of(end) ||
           (end > from && end < rest_.size() && rest_[end] == '_' && is_digit_of(end + 1))) {
      ++end;
    }
    return end - from;
  }

  /// The length of a float literal, which needs a fraction or an exponent; 0 when it has neither.
  std::size_t float_length() const {
    if (position_ > 0 && rest_[position_ - 1] == '.') return 0;  // a.1.2 is two items
    std::size_t end = position_ + digits_at(position_, 10);
    bool is_float = false;
    if (end < rest_.size() && rest_[end] == '.' && digits_at(end + 1, 10) != 0) {
      end += 1 + digits_at(end + 1, 10);
      is_float = true;
    }
    if (end < rest_.size() && (rest_[end] == 'e' || rest_[end] == 'E')) {
      const char sign = end + 1 < rest_.size() ? rest_[end + 1] : '\0';
      const std::size_t digits = end + (sign == '+' || sign == '-' ? 2 : 1);
      if (const std::size_t length = digits_at(digits, 10)) {
        end = digits + length;
        is_float = true;
      }
    }
    return is_float ? end - position_ : 0;
  }

  std::size_t integer_length() const {
    const char mark = peek() == '0' ? peek(1) : '\0';
    const int base = mark == 'x' || mark == 'X'   ? 16
                     : mark == 'o' || mark == 'O' ? 8
                     : mark == 'b' || mark == 'B' ? 2
                                                  : 10;
    if (base != 10) {
      const std::size_t from = position_ + 2 + (peek(2) == '_' ? 1 : 0);
      if (const std::size_t length = digits_at(from, base)) return from + length - position_;
    }
    if (peek() != '0') return digits_at(position_, 10);
    std::size_t end = position_ + 1;  // zeros only: 007 is not a number
    while (end < rest_.size() &&
           (rest_[end] == '0' ||
            (rest_[end] == '_' && end + 1 < rest_.size() && rest_[end + 1] == '0'))) {
      ++end;
    }
    return end - position_;
  }

  void lex_number() {
    const std::size_t real = float_length();
    const std::size_t length = real != 0 ? real : integer_length();
    const std::string_view text = rest_.substr(position_, length);
    Token token{TokenKind::kNumber, line_, std::string(text), {}};
    try {
      token.number = real != 0 ? Value::number(parse_float(text).value_or(0))
                               : Value::integer(parse_integer(text, 0).value_or(0));
    } catch (const Fault& fault) {
      raise_at(line_, "{}: {}", text, fault.what());
    }
    tokens_.push_back(std::move(token));
    advance(length);
  }

  void lex_name() {
    std::size_t end = position_;
    while (end < rest_.size()) {
      const CodePoint point = decode_at(rest_, end);
      if (!is_identifier_part(point.value)) break;
      end += point.bytes;
    }
    add(TokenKind::kName, std::string(rest_.substr(position_, end - position_)));
    advance(end - position_);
  }

  void lex_string() {
    const char quote = peek();
    for (std::size_t i = position_ + 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == quote) {
        const std::string_view body = rest_.substr(position_ + 1, i - position_ - 1);
        add(TokenKind::kString, unescape(body, line_));
        advance(body.size() + 2);
        return;
      }
    }
    raise_at(line_, "unexpected char {}: the string has no end", quote);
  }

  void lex_operator(std::vector<char>& open) {
    static constexpr std::array<std::string_view, 26> kOperators = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                     [this](std::string_view sign) { return at(sign); });
    if (found == kOperators.end()) {
      std::string shown;
      append_utf8(shown, decode_at(rest_, position_).value);
      raise_at(line_, "unexpected char '{}'", shown);
    }
    const char sign = (*found)[0];
    if (sign == '(' || sign == '[' || sign == '{') {
      open.push_back(sign == '(' ? ')' : sign == '[' ? ']' : '}');
    } else if (sign == ')' || sign == ']' || sign == '}') {
      if (open.empty()) raise_at(line_, "unexpected '{}'", sign);
      if (open.back() != sign) raise_at(line_, "unexpected '{}', expected '{}'", sign, open.back());
      open.pop_back();
    }
    add(TokenKind::kOperator, std::string(*found));
    advance(found->size());
  }

  std::string source_;
  std::string_view rest_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kText:
      return "template data / text";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kVariableBegin:
      return "begin of print statement";
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kString:
      return "string";
    case TokenKind::kEnd:
      return "end of template";
    default:
      return token.text;
  }
}

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace saccade::text::jinja
