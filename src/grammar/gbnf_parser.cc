#include "grammar/gbnf_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "grammar/regex.h"
#include "grammar/special_text.h"
#include "text/unicode.h"

namespace saccade::grammar {
namespace {

using Kind = GbnfExpression::Kind;
constexpr std::uint64_t kMaxRepeat = 100'000;
constexpr int kMaxDepth = 200;
constexpr std::size_t kMaxRules = 2'000;  // one may lead to the next, each of which takes stack

class GbnfParser {
 public:
  GbnfParser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  GbnfText parse() {
    skip(true);
    while (!at_end()) {
      const std::string name = word();
      skip(false);
      if (!take("::=")) wrong("wanted ::= behind the name of a rule");
      skip(true);
      const std::size_t rule = index_of(name);
      GbnfExpression expression = alternatives(false);
      if (rules_[rule].expression) wrong(fmt::format("the rule {} is defined twice", name));
      rules_[rule].expression = std::move(expression);
      if (!at_end() && text_[position_] != '\n' && text_[position_] != '\r') {
        wrong("wanted the end of the rule");
      }
      skip(true);
    }
    for (const GbnfRule& rule : rules_) {
      if (!rule.expression && !rule.value)
        fail("{}: the rule {} is used and not defined", where_, rule.name);
    }
    return {std::move(rules_), std::move(special_tokens_)};
  }

 private:
  [[noreturn]] void wrong(std::string_view what) const {
    const std::string_view before = text_.substr(0, position_);
    const std::size_t line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
    const std::size_t start =
        before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    fail("{}: line {}, column {}: {}", where_, line, position_ - start + 1, what);
  }
  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  bool take(std::string_view token) {
    if (!text_.substr(position_).starts_with(token)) return false;
    position_ += token.size();
    return true;
  }

  /// Space and comments; line breaks only where the rule goes on behind them.
  void skip(bool line_breaks) {
    while (!at_end()) {
      const char c = peek();
      if (c == '#') {
        while (!at_end() && peek() != '\n') ++position_;
      } else if (c == ' ' || c == '\t' || (line_breaks && (c == '\n' || c == '\r'))) {
        ++position_;
      } else {
        return;
      }
    }
  }

  static bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  }

  std::string word() {
    std::string name;
    while (in_word(peek())) name += text_[position_++];
    if (name.empty()) wrong("wanted the name of a rule");
    return name;
  }

  std::size_t index_of(const std::string& name) {
    const auto [place, added] = index_.emplace(name, rules_.size());
    if (added) rules_.push_back({name, std::nullopt, std::nullopt});
    if (rules_.size() > kMaxRules) {
      wrong(fmt::format("more than {} rules are not supported", kMaxRules));
    }
    return place->second;
  }

  GbnfExpression alternatives(bool nested) {
    if (++depth_ > kMaxDepth) wrong("groups are nested too deep");
    GbnfExpression either{.kind = Kind::kEither};
    either.parts.push_back(sequence(nested));
    while (take("|")) {
      skip(true);
      either.parts.push_back(sequence(nested));
    }
    --depth_;
    return either;
  }

  GbnfExpression sequence(bool nested) {
    GbnfExpression whole;
    for (;;) {
      const char c = peek();
      if (c != '"' && c != '[' && c != '(' && c != '.' && c != '%' && !in_word(c)) {
        return whole;
      }
      GbnfExpression part = element();
      skip(nested);
      for (int count = 0; quantified(part); ++count) {
        if (count > kMaxDepth) wrong("too many quantifiers behind each other");
        skip(nested);
      }
      whole.parts.push_back(std::move(part));
    }
  }

  GbnfExpression element() {
    if (take("\"")) return literal();
    if (take("[")) return characters();
    if (take(".")) return {.kind = Kind::kCharacters, .characters = CodePointSet::all()};
    if (take("(")) {
      skip(true);
      GbnfExpression group = alternatives(true);
      if (!take(")")) wrong("wanted )");
      return group;
    }
    if (take("%")) return extension();
    return {.kind = Kind::kRule, .rule = index_of(word())};
  }

  /// Behind %: what llama.cpp's language does not have.
  GbnfExpression extension() {
    const std::string name = word();
    const bool known = name == "token" || name == "value" || name == "json";
    if (!known) wrong("wanted %value, %json or %token");
    skip(false);
    if (name == "token") return special_token();
    GbnfValue value{schema(name), {}};
    if (name == "value") {
      skip(false);
      value.end = end_of_value();
    }
    if (rules_.size() >= kMaxRules)
      wrong(fmt::format("more than {} rules are not supported", kMaxRules));
    rules_.push_back({"%" + name, std::nullopt, std::move(value)});
    return {.kind = Kind::kRule, .rule = rules_.size() - 1};
  }

  /// Up to the brace that closes it.
  boost::json::value schema(const std::string& name) {
    const std::string_view rest = text_.substr(position_);
    boost::json::stream_parser parser;
    boost::system::error_code error;
    const std::size_t size = parser.write_some(rest.data(), rest.size(), error);
    if (error || !parser.done() || peek() != '{') {
      wrong(fmt::format("wanted a JSON Schema behind %{}", name));
    }
    // The parser takes the space behind the brace as well, and a line's end is the rule's.
    const std::string_view schema = rest.substr(0, rest.substr(0, size).rfind('}') + 1);
    position_ += schema.size();
    // Read anew as all JSON of users is, whose depth is limited.
    return parse_json(schema, where_);
  }

  std::string end_of_value() {
    if (take("%")) {
      if (word() != "token") wrong("wanted %token");
      skip(false);
      return special_token().bytes;
    }
    if (!take("\"")) wrong("wanted the text that ends the value, in quotes");
    std::string end = literal().bytes;
    if (end.empty()) wrong("a value must end with something");
    return end;
  }

  GbnfExpression special_token() {
    if (!take("\"")) wrong("wanted the text of a special token, in quotes");
    GbnfExpression part = literal();
    if (part.bytes.empty()) wrong("a special token has a text");
    special_tokens_.push_back(part.bytes);
    part.bytes = special_text(part.bytes);
    return part;
  }

  bool quantified(GbnfExpression& part) {
    std::uint64_t min = 0;
    std::optional<std::uint64_t> max;
    if (take("?")) {
      max = 1;
    } else if (take("+")) {
      min = 1;
    } else if (take("{")) {
      skip(false);
      min = number();
      max = min;
      skip(false);
      if (take(",")) {
        skip(false);
        max = peek() == '}' ? std::optional<std::uint64_t>() : number();
        skip(false);
      }
      if (!take("}")) wrong("wanted }");
      if (max && *max < min) wrong("the bounds of {} are out of order");
    } else if (!take("*")) {
      return false;
    }
    GbnfExpression repeat{.kind = Kind::kRepeat, .min = min, .max = max};
    repeat.parts.push_back(std::move(part));
    part = std::move(repeat);
    return true;
  }

  std::uint64_t number() {
    if (peek() < '0' || peek() > '9') wrong("wanted a number");
    std::uint64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++position_) {
      value = value * 10 + static_cast<std::uint64_t>(peek() - '0');
      if (value > kMaxRepeat)
        wrong(fmt::format("repeating more than {} times is not supported", kMaxRepeat));
    }
    return value;
  }

  GbnfExpression literal() {
    GbnfExpression part{.kind = Kind::kBytes};
    while (!take("\"")) {
      if (at_end() || peek() == '\n') wrong("a text without its closing quote");
      text::append_utf8(part.bytes, character());
    }
    return part;
  }

  GbnfExpression characters() {
    const bool negated = take("^");
    CodePointSet set;
    while (!take("]")) {
      if (at_end() || peek() == '\n') wrong("a class without its closing bracket");
      const char32_t low = character();
      char32_t high = low;
      if (peek() == '-' && !text_.substr(position_).starts_with("-]")) {
        ++position_;
        if (at_end() || peek() == '\n') wrong("a class without its closing bracket");
        high = character();
      }
      if (high < low) wrong("a range that is out of order");
      set.add(low, high);
    }
    return {.kind = Kind::kCharacters, .characters = negated ? set.negated() : set};
  }

  char32_t character() {
    if (!take("\\")) {
      const text::DecodedChar decoded = text::decode_utf8(text_.substr(position_));
      if (decoded.state != text::DecodedChar::State::kValid) wrong("bytes that are not UTF-8");
      position_ += decoded.size;
      return decoded.value;
    }
    const char c = peek();
    if (!at_end()) ++position_;
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<char32_t>(c);
      default:
        wrong("an unknown escape");
    }
  }

  char32_t hex(std::size_t digits) {
    if (text_.size() - position_ < digits) wrong("an unfinished escape");
    std::size_t used = 0;
    const std::string_view part = text_.substr(position_, digits);
    if (part.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      wrong("an escape with what is not a hexadecimal digit");
    }
    const char32_t value = read_hex(part, used, digits);
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      wrong("an escape of no character");
    position_ += digits;
    return value;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t position_ = 0;
  int depth_ = 0;
  std::vector<GbnfRule> rules_;
  std::vector<std::string> special_tokens_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace

GbnfText parse_gbnf(std::string_view text, const std::string& where) {
  return GbnfParser(text, where).parse();
}

}  // namespace saccade::grammar
