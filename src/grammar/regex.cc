#include "grammar/regex.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::grammar {
namespace {

constexpr int kMaxDepth = 200;
constexpr std::uint64_t kMaxRepeat = 100'000;

CodePointSet ranges(std::initializer_list<std::pair<char32_t, char32_t>> list) {
  CodePointSet set;
  for (const auto& [low, high] : list) set.add(low, high);
  return set;
}

CodePointSet digits() {
  return {'0', '9'};
}
CodePointSet word() {
  return ranges({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
}
CodePointSet line_terminators() {
  return ranges({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
}
/// WhiteSpace and LineTerminator of ECMA-262.
CodePointSet space() {
  return ranges({{'\t', '\r'},
                 {' ', ' '},
                 {0xA0, 0xA0},
                 {0x1680, 0x1680},
                 {0x2000, 0x200A},
                 {0x2028, 0x2029},
                 {0x202F, 0x202F},
                 {0x205F, 0x205F},
                 {0x3000, 0x3000},
                 {0xFEFF, 0xFEFF}});
}

/// Reads an expression into an Nfa. A repeated part is read once for each copy.
class RegexReader {
 public:
  RegexReader(std::string_view pattern, Nfa& nfa) : pattern_(pattern), nfa_(nfa) {}

  Fragment read() {
    const Fragment whole = alternation();
    if (!at_end()) wrong("an unmatched )");
    return whole;
  }

 private:
  [[noreturn]] void wrong(std::string_view what) const {
    fail("the regular expression {} has {} at character {}", text::in_quotes(pattern_), what,
         position_ + 1);
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    fail("the regular expression {}: {} is not supported", text::in_quotes(pattern_), what);
  }
  bool at_end() const { return position_ >= pattern_.size(); }
  bool next_is(char c) const { return !at_end() && pattern_[position_] == c; }
  bool take(std::string_view token) {
    if (!pattern_.substr(position_).starts_with(token)) return false;
    position_ += token.size();
    return true;
  }

  char32_t take_character() {
    const text::DecodedChar decoded = text::decode_utf8(pattern_.substr(position_));
    if (decoded.state != text::DecodedChar::State::kValid) wrong("bytes that are not UTF-8");
    position_ += decoded.size;
    return decoded.value;
  }

  Fragment alternation() {
    if (++depth_ > kMaxDepth) wrong("groups nested too deep");
    std::vector<Fragment> branches = {sequence()};
    while (take("|")) branches.push_back(sequence());
    --depth_;
    return branches.size() == 1 ? branches.front() : nfa_.either(branches);
  }

  Fragment sequence() {
    Fragment whole = nfa_.nothing();
    while (!at_end() && !next_is('|') && !next_is(')')) whole = nfa_.sequence(whole, quantified());
    return whole;
  }

  struct Repeat {
    std::uint64_t min = 1;
    std::optional<std::uint64_t> max = 1;
  };

  /// The atom is read again for every copy. The first reading only finds where it ends; its states
  /// are linked to nothing and cost nothing later.
  Fragment quantified() {
    const std::size_t begin = position_;
    const bool assertion = next_is('^') || next_is('$');
    const Fragment once = atom();
    const std::optional<Repeat> repeat = quantifier();
    if (!repeat) return once;
    if (assertion) wrong("a quantifier after an assertion");
    const std::size_t end = position_;
    const Fragment whole = nfa_.repeat(
        [&] {
          position_ = begin;
          return atom();
        },
        repeat->min, repeat->max);
    position_ = end;
    return whole;
  }

  std::optional<std::uint64_t> number() {
    if (at_end() || pattern_[position_] < '0' || pattern_[position_] > '9') return std::nullopt;
    std::uint64_t value = 0;
    for (; !at_end() && pattern_[position_] >= '0' && pattern_[position_] <= '9'; ++position_) {
      value = std::min(kMaxRepeat + 1,
                       value * 10 + static_cast<std::uint64_t>(pattern_[position_] - '0'));
    }
    if (value > kMaxRepeat) unsupported(fmt::format("repeating more than {} times", kMaxRepeat));
    return value;
  }

  std::optional<Repeat> quantifier() {
    Repeat repeat;
    if (take("*")) {
      repeat = {0, std::nullopt};
    } else if (take("+")) {
      repeat = {1, std::nullopt};
    } else if (take("?")) {
      repeat = {0, 1};
    } else if (take("{")) {
      const std::optional<std::uint64_t> min = number();
      if (!min) wrong("no number in a {}");
      repeat = {*min, *min};
      if (take(",")) repeat.max = number();
      if (!take("}")) wrong("an unmatched {");
      if (repeat.max && *repeat.max < repeat.min) wrong("a {} whose bounds are out of order");
    } else {
      return std::nullopt;
    }
    take("?");
    if (next_is('*') || next_is('+') || next_is('?') || next_is('{')) {
      wrong("a quantifier without anything to repeat");
    }
    return repeat;
  }

  Fragment atom() {
    if (take("^")) return nfa_.assertion(Nfa::Edge::Kind::kBegin);
    if (take("$")) return nfa_.assertion(Nfa::Edge::Kind::kEnd);
    if (take("(")) return group();
    if (take("[")) return nfa_.characters(character_class());
    if (take(".")) return nfa_.characters(line_terminators().negated());
    if (next_is('\\')) return nfa_.characters(escape(false));
    if (next_is('*') || next_is('+') || next_is('?') || next_is('{')) {
      wrong("a quantifier without anything to repeat");
    }
    if (next_is(']') || next_is('}')) wrong("an unmatched bracket");
    const char32_t c = take_character();
    return nfa_.characters({c, c});
  }

  Fragment group() {
    if (take("?")) {
      if (next_is('=') || next_is('!')) unsupported("lookahead");
      if (take("<")) {
        if (next_is('=') || next_is('!')) unsupported("lookbehind");
        while (!at_end() && !next_is('>')) ++position_;
        if (!take(">")) wrong("an unfinished group name");
      } else if (!take(":")) {
        unsupported("a group that begins with (? and is not (?: or (?<name>");
      }
    }
    const Fragment inside = alternation();
    if (!take(")")) wrong("an unmatched (");
    return inside;
  }

  CodePointSet character_class() {
    const bool negated = take("^");
    CodePointSet set;
    while (!take("]")) {
      if (at_end()) wrong("an unmatched [");
      const CodePointSet first = class_atom();
      if (!next_is('-') || pattern_.substr(position_).starts_with("-]")) {
        set.add(first);
        continue;
      }
      ++position_;
      if (at_end()) wrong("an unmatched [");
      const CodePointSet last = class_atom();
      const bool single = is_single(first) && is_single(last);
      if (!single) wrong("a range between what are not single characters");
      if (first.ranges()[0].first > last.ranges()[0].first) wrong("a range that is out of order");
      set.add(first.ranges()[0].first, last.ranges()[0].first);
    }
    return negated ? set.negated() : set;
  }

  static bool is_single(const CodePointSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].second;
  }

  CodePointSet class_atom() {
    if (next_is('\\')) return escape(true);
    const char32_t c = take_character();
    return {c, c};
  }

  CodePointSet escape(bool in_class) {
    ++position_;
    if (at_end()) wrong("a backslash at the end");
    const char32_t c = take_character();
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return digits().negated();
      case 'w':
        return word();
      case 'W':
        return word().negated();
      case 's':
        return space();
      case 'S':
        return space().negated();
      case 'b':
        if (in_class) return {'\b', '\b'};
        unsupported("the word boundary \\b");
      case 'B':
        unsupported("the word boundary \\B");
      case 'p':
      case 'P':
        unsupported("a Unicode property (\\p)");
      case 'k':
        unsupported("a backreference");
      case 'n':
        return {'\n', '\n'};
      case 'r':
        return {'\r', '\r'};
      case 't':
        return {'\t', '\t'};
      case 'f':
        return {'\f', '\f'};
      case 'v':
        return {'\v', '\v'};
      default:
        break;
    }
    const char32_t value = escaped_character(c);
    return {value, value};
  }

  char32_t escaped_character(char32_t c) {
    if (c == '0' && (at_end() || pattern_[position_] < '0' || pattern_[position_] > '9')) return 0;
    if (c >= '0' && c <= '9') unsupported("a backreference");
    if (c == 'x') return read_hex(pattern_, position_, 2);
    if (c == 'u') return unicode_escape();
    if (c == 'c' && !at_end()) {
      const char letter = pattern_[position_];
      if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
        ++position_;
        return static_cast<char32_t>(letter & 0x1F);
      }
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) unsupported(fmt::format("the escape \\{}", static_cast<char>(c)));
    return c;
  }

  char32_t unicode_escape() {
    if (take("{")) {
      const std::size_t close = pattern_.find('}', position_);
      if (close == std::string_view::npos || close == position_ || close - position_ > 6) {
        wrong("an unfinished \\u{}");
      }
      const char32_t value = read_hex(pattern_, position_, close - position_);
      ++position_;
      if (value > 0x10FFFF) wrong("a \\u{} beyond U+10FFFF");
      return checked(value);
    }
    const char32_t value = read_hex(pattern_, position_, 4);
    if (value >= 0xD800 && value < 0xDC00 && take("\\u")) {
      const char32_t low = read_hex(pattern_, position_, 4);
      if (low < 0xDC00 || low > 0xDFFF) wrong("half a surrogate pair");
      return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
    }
    return checked(value);
  }

  char32_t checked(char32_t value) const {
    if (value >= 0xD800 && value <= 0xDFFF) wrong("half a surrogate pair");
    return value;
  }

  std::string_view pattern_;
  Nfa& nfa_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

char32_t read_hex(std::string_view text, std::size_t& position, std::size_t digits) {
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i, ++position) {
    const char c = position < text.size() ? text[position] : '\0';
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) {
      fail("{}: an escape wants {} hexadecimal digits at character {}", text::in_quotes(text),
           digits, position + 1);
    }
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return value;
}

DfaPtr compile_regex(std::string_view pattern, RegexMatch match) {
  Nfa nfa;
  Fragment whole = RegexReader(pattern, nfa).read();
  if (match == RegexMatch::kSearch) {
    const auto anything = [&] {
      return nfa.repeat([&] { return nfa.characters(CodePointSet::all()); }, 0, {});
    };
    const Fragment before = anything();
    whole = nfa.sequence(nfa.sequence(before, whole), anything());
  }
  const std::string what = "the regular expression " + text::in_quotes(pattern);
  return std::make_shared<const Dfa>(determinize(nfa, whole, what));
}

}  // namespace saccade::grammar
