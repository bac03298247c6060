#include "text/tokenizer_config.h"

#include "base/error.h"

namespace saccade::text {
namespace {

/// A long replacement many times over could fill the memory.
constexpr std::size_t kMaxReplacementBytes = std::size_t{1} << 30;

}  // namespace

Regex regex_of_pattern(const JsonObject& object) {
  const JsonObject pattern = object.object("pattern");
  const bool is_string = pattern.has("String");
  if (is_string == pattern.has("Regex")) {
    fail("{}: wanted either \"String\" or \"Regex\"", pattern.where());
  }
  if (!is_string) return Regex::from_oniguruma(pattern.string("Regex"), pattern.where());
  const std::string literal = pattern.string("String");
  if (literal.empty()) fail("{}: an empty string cannot be searched for", pattern.where());
  return Regex::from_literal(literal);
}

Regex regex_of_replace(const JsonObject& object) {
  Regex regex = regex_of_pattern(object);
  if (regex.can_match_empty()) {
    fail("{}: replacing a pattern that can match the empty string is not supported",
         object.where());
  }
  return regex;
}

std::string replace_matches(const Regex& regex, std::string_view text, std::string_view content) {
  std::vector<Span> matches;
  RegexMatcher(regex).find_all(text, matches);
  if (!content.empty() && matches.size() > kMaxReplacementBytes / content.size()) {
    fail("replacing {} matches by {} bytes each takes over 1 GiB", matches.size(), content.size());
  }
  std::string out;
  std::size_t done = 0;
  for (const Span& match : matches) {
    out.append(text.substr(done, match.begin - done));
    out.append(content);
    done = match.end;
  }
  out.append(text.substr(done));
  return out;
}

}  // namespace saccade::text
