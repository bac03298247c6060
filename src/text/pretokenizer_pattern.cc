#include "text/pretokenizer_pattern.h"

#include <fmt/format.h>

#include <cctype>
#include <optional>
#include <vector>

#include "base/error.h"
#include "text/pretokenizer_escapes.h"
#include "text/unicode.h"
#include "text/unicode_classes.h"

namespace saccade::text {
namespace {

constexpr std::size_t kMaxPatternBytes = 16384;
constexpr std::size_t kMaxGroupDepth = 100;

class PatternTranslator {
 public:
  PatternTranslator(std::string_view pattern, std::string_view where)
      : pattern_(pattern), where_(where) {}

  std::string translate();

 private:
  /// An open group: where its text begins in `out_`, and whether (?i) holds inside.
  struct Group {
    std::size_t start;
    std::size_t body;
    bool caseless;
  };

  [[noreturn]] void refuse(std::string_view what) const {
    fail("{}: regular expression {}: {} is not supported", where_, in_quotes(pattern_), what);
  }
  bool at_end() const { return position_ >= pattern_.size(); }
  bool next_is(std::string_view text) const { return pattern_.substr(position_).starts_with(text); }
  bool accept(std::string_view text) {
    if (!next_is(text)) return false;
    position_ += text.size();
    return true;
  }
  bool caseless() const { return groups_.back().caseless; }

  void one();
  void open_group();
  void push_group(std::string_view opening, bool caseless);
  void inline_options();
  void close_group();
  void quantifier();
  void interval();
  void after_interval(bool exact);
  void escape();
  bool simple_escape(char letter);
  void character_class();
  void class_item();
  void class_escape();
  std::string property(bool in_class, bool negated);
  char32_t hex_escape(char letter);
  void literal(char32_t value, bool in_class);
  void check_folding(char32_t value);
  void begin_atom() { atom_ = out_.size(); }
  void atom(std::string_view text) {
    begin_atom();
    out_ += text;
    previous_ = 0;
  }

  std::string_view pattern_;
  std::string_view where_;
  std::size_t position_ = 0;
  std::string out_;
  std::size_t atom_ = 0;   ///< where in out_ the last atom begins
  char32_t previous_ = 0;  ///< the literal just before, to find multi-character case foldings
  std::vector<Group> groups_;
};

std::string PatternTranslator::translate() {
  if (pattern_.size() > kMaxPatternBytes) refuse("a pattern of over 16384 bytes");
  if (!is_valid_utf8(pattern_)) refuse("text that is not UTF-8");
  groups_.push_back({0, 0, false});
  while (!at_end()) one();
  if (groups_.size() > 1) refuse("an unclosed group");
  return out_;
}

void PatternTranslator::one() {
  const char next = pattern_[position_];
  switch (next) {
    case '\\':
      return escape();
    case '[':
      return character_class();
    case '(':
      return open_group();
    case ')':
      return close_group();
    case '*':
    case '+':
    case '?':
      return quantifier();
    case '{':
      return interval();
    case '|':
      ++position_;
      out_ += '|';
      previous_ = 0;
      return;
    case '^':
    case '$':
    case '.':
      ++position_;
      return atom(std::string_view(&next, 1));
    default: {
      const DecodedChar decoded = decode_utf8(pattern_.substr(position_));
      position_ += decoded.size;
      return literal(decoded.value, false);
    }
  }
}

void PatternTranslator::open_group() {
  ++position_;
  if (!accept("?")) {
    if (next_is("*")) refuse("\"(*\"");
    return push_group("(?:", caseless());
  }
  // The longer openings first: "<=" and "<!" must not be read as the start of a name.
  for (std::string_view kind : {":", "=", "!", ">", "<=", "<!"}) {
    if (accept(kind)) return push_group(fmt::format("(?{}", kind), caseless());
  }
  if (accept("<")) {
    const std::size_t end = pattern_.find('>', position_);
    if (end == std::string_view::npos || end == position_) refuse("a malformed group name");
    position_ = end + 1;
    return push_group("(?:", caseless());  // nothing can refer to the name
  }
  inline_options();
}

void PatternTranslator::push_group(std::string_view opening, bool caseless) {
  if (groups_.size() > kMaxGroupDepth) refuse("nesting of over 100 groups");
  const std::size_t start = out_.size();
  out_ += opening;
  groups_.push_back({start, out_.size(), caseless});
  previous_ = 0;
}

/// "(?i:...)", "(?i)" and the like, after "(?". Ruby's m is PCRE2's s; Ruby's ^ and $ are always
/// multi-line.
void PatternTranslator::inline_options() {
  bool on = true;
  bool now_caseless = caseless();
  std::string options;
  while (!at_end() && pattern_[position_] != ':' && pattern_[position_] != ')') {
    const char letter = pattern_[position_++];
    if (letter == 'i') {
      now_caseless = on;
      options += 'i';
    } else if (letter == 'm') {
      options += 's';
    } else if (letter == '-' && on) {
      on = false;
      options += '-';
    } else {
      refuse(fmt::format("the group \"(?{}\"", letter));
    }
  }
  if (accept(":")) return push_group(fmt::format("(?{}:", options), now_caseless);
  if (!accept(")")) refuse("an unclosed group");
  // In the middle of a group Ruby's option takes in the following alternatives, PCRE2's does not.
  if (out_.size() != groups_.back().body) refuse("an option in the middle of a group");
  groups_.back().caseless = now_caseless;
  out_ += fmt::format("(?{})", options);
  groups_.back().body = out_.size();
}

void PatternTranslator::close_group() {
  ++position_;
  if (groups_.size() == 1) refuse("an unmatched \")\"");
  atom_ = groups_.back().start;
  groups_.pop_back();
  out_ += ')';
  previous_ = 0;
}

void PatternTranslator::quantifier() {
  out_ += pattern_[position_++];
  previous_ = 0;
  if (at_end()) return;
  if (pattern_[position_] == '?' || pattern_[position_] == '+') out_ += pattern_[position_++];
  if (next_is("*") || next_is("+") || next_is("?")) refuse("a quantifier of a quantifier");
}

/// "{n}", "{n,}", "{n,m}" and Ruby's "{,m}"; any other brace stands for itself.
void PatternTranslator::interval() {
  std::size_t end = position_ + 1;
  std::string low;
  std::string high;
  const auto digits = [&](std::string& number) {
    while (end < pattern_.size() && std::isdigit(static_cast<unsigned char>(pattern_[end]))) {
      number += pattern_[end++];
    }
  };
  digits(low);
  const bool comma = end < pattern_.size() && pattern_[end] == ',';
  if (comma) {
    ++end;
    digits(high);
  }
  if (end >= pattern_.size() || pattern_[end] != '}' || (low.empty() && high.empty())) {
    ++position_;
    return literal('{', false);
  }
  position_ = end + 1;
  out_ += fmt::format("{{{}{}{}}}", low.empty() ? "0" : low, comma ? "," : "", high);
  previous_ = 0;
  after_interval(!comma);
}

/// In Ruby "{n,m}+" repeats the interval, where PCRE2 reads a possessive one.
void PatternTranslator::after_interval(bool exact) {
  if (next_is("?")) {
    if (exact) refuse("\"{n}?\"");
    out_ += pattern_[position_++];
  }
  if (next_is("+") || next_is("*") || next_is("?")) {
    out_.insert(atom_, "(?:");
    out_ += ')';
  }
}

void PatternTranslator::escape() {
  ++position_;
  if (at_end()) refuse("a backslash at the end");
  const DecodedChar decoded = decode_utf8(pattern_.substr(position_));
  position_ += decoded.size;
  if (decoded.value >= 0x80) return literal(decoded.value, false);
  const char letter = static_cast<char>(decoded.value);
  if (!std::isalnum(static_cast<unsigned char>(letter))) return literal(decoded.value, false);
  if (letter == 'x' || letter == 'u') return literal(hex_escape(letter), false);
  if (letter == 'p' || letter == 'P') {
    return atom(property(false, letter == 'P'));
  }
  if (!simple_escape(letter)) refuse(fmt::format("\"\\{}\"", letter));
}

/// Escapes that stand for an assertion or a set of characters.
bool PatternTranslator::simple_escape(char letter) {
  const std::string items = items_of_letter(static_cast<char>(letter | 0x20));
  if (const std::string_view control = control_escape(letter); !control.empty()) {
    atom(control);
  } else if (!items.empty()) {
    const bool word = letter == 'w' || letter == 'W';
    atom(fmt::format("[{}{}{}]", letter & 0x20 ? "" : "^", items, word ? kLatin1Words : ""));
  } else if (letter == 'A' || letter == 'z' || letter == 'Z') {
    atom(fmt::format("\\{}", letter));
  } else if (letter == 'b' || letter == 'B') {
    atom(word_boundary(letter == 'b'));
  } else {
    return false;
  }
  return true;
}

void PatternTranslator::character_class() {
  ++position_;
  begin_atom();
  previous_ = 0;
  out_ += '[';
  if (accept("^")) out_ += '^';
  if (next_is("]")) refuse("\"[]\"");
  while (!accept("]")) {
    if (at_end()) refuse("an unclosed character class");
    class_item();
  }
  out_ += ']';
}

void PatternTranslator::class_item() {
  if (next_is("[")) refuse("a character class inside another");
  if (next_is("&&")) refuse("an intersection of character classes");
  if (next_is("\\")) return class_escape();
  const DecodedChar decoded = decode_utf8(pattern_.substr(position_));
  position_ += decoded.size;
  // A hyphen keeps its meaning: of a range, or of itself at either end.
  if (decoded.value == '-') {
    out_ += '-';
  } else {
    literal(decoded.value, true);
  }
}

void PatternTranslator::class_escape() {
  ++position_;
  if (at_end()) refuse("a backslash at the end");
  const DecodedChar decoded = decode_utf8(pattern_.substr(position_));
  position_ += decoded.size;
  const char letter = decoded.value < 0x80 ? static_cast<char>(decoded.value) : '\0';
  if (!std::isalnum(static_cast<unsigned char>(letter))) return literal(decoded.value, true);
  if (const std::string_view control = control_escape(letter); !control.empty()) {
    out_ += control;
  } else if (const std::string items = items_of_letter(letter); !items.empty()) {
    out_ += items;
  } else if (letter == 'S') {
    out_ += not_whitespace_class();
  } else if (letter == 'b') {
    out_ += "\\x08";
  } else if (letter == 'x' || letter == 'u') {
    literal(hex_escape(letter), true);
  } else if (letter == 'p' || letter == 'P') {
    out_ += property(true, letter == 'P');
  } else {
    refuse(fmt::format("\"\\{}\" in a character class", letter));
  }
}

/// "{name}" or "{^name}" after \p or \P: the text of a class, or items for the class around.
std::string PatternTranslator::property(bool in_class, bool negated) {
  const std::size_t end = pattern_.find('}', position_);
  if (!accept("{") || end == std::string_view::npos) refuse("\"\\p\" without {name}");
  if (accept("^")) negated = !negated;
  const std::string_view name = pattern_.substr(position_, end - position_);
  position_ = end + 1;
  const std::optional<std::string> items = class_of_property(name);
  if (!items) refuse(fmt::format("\"\\p{{{}}}\"", name));
  if (caseless() && (name == "Lu" || name == "Ll" || name == "Lt")) {
    refuse(fmt::format("\"\\p{{{}}}\" under (?i)", name));
  }
  if (!in_class) return fmt::format("[{}{}]", negated ? "^" : "", *items);
  if (negated) refuse("a negated property in a character class");
  return *items;
}

/// \xH, \xHH, \x{H...} and \uHHHH, after the letter.
char32_t PatternTranslator::hex_escape(char letter) {
  const bool braced = letter == 'x' && accept("{");
  const std::size_t limit = braced ? 6 : letter == 'x' ? 2 : 4;
  char32_t value = 0;
  std::size_t count = 0;
  while (count < limit && !at_end()) {
    const auto digit = static_cast<unsigned char>(pattern_[position_]);
    if (!std::isxdigit(digit)) break;
    value = value * 16 + (std::isdigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
    ++position_;
    ++count;
  }
  if (count == 0 || (letter == 'u' && count != 4) || (braced && !accept("}"))) {
    refuse("a malformed hexadecimal escape");
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) refuse("a code beyond Unicode");
  // Without braces Oniguruma takes the number for a byte, not for a character.
  if (letter == 'x' && !braced && value >= 0x80) refuse("a byte over 7F");
  return value;
}

void PatternTranslator::literal(char32_t value, bool in_class) {
  if (!in_class) begin_atom();
  if (caseless()) check_folding(value);
  previous_ = in_class ? 0 : value;
  const bool special = value < 0x80 && std::ispunct(static_cast<int>(value));
  if (value == 0) {
    out_ += "\\x00";
  } else {
    if (special) out_ += '\\';
    append_utf8(out_, value);
  }
}

/// Under (?i) Oniguruma also matches one character with a sequence it folds to ("ss" with U+00DF);
/// PCRE2 does not. Such sequences hold a character beyond ASCII or one of a few pairs.
void PatternTranslator::check_folding(char32_t value) {
  if (value >= 0x80) refuse("a character beyond ASCII under (?i)");
  const auto lower = [](char32_t c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c | 32 : c);
  };
  const char pair[] = {lower(previous_), lower(value)};
  for (std::string_view folded : {"ss", "st", "ff", "fi", "fl"}) {
    if (previous_ != 0 && folded == std::string_view(pair, 2)) {
      refuse(fmt::format("\"{}\" under (?i)", folded));
    }
  }
}

}  // namespace

std::string translate_pattern(std::string_view pattern, std::string_view where) {
  return PatternTranslator(pattern, where).translate();
}

}  // namespace saccade::text
