// Compiled regular expressions (PCRE2 with JIT) over text that is valid UTF-8.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::text {

/// Byte positions [begin, end) in a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// An immutable compiled pattern; may be used by several threads at once.
class Regex {
 public:
  /// Compiles a pattern of tokenizer.json (see translate_pattern). Throws Error naming `where`.
  static Regex from_oniguruma(std::string_view pattern, std::string_view where);

  /// Compiles a pattern of ours, in PCRE2's syntax.
  static Regex from_pcre(std::string_view pattern);

  /// A pattern that matches `text` itself.
  static Regex from_literal(std::string_view text);

  bool can_match_empty() const;

 private:
  friend class RegexMatcher;
  struct CodeDeleter {
    void operator()(void* code) const;
  };
  Regex(std::string_view pattern, std::string_view where);

  std::unique_ptr<void, CodeDeleter> code_;  // pcre2_code
};

/// Runs one pattern over texts; holds the scratch memory, so each thread has its own.
class RegexMatcher {
 public:
  explicit RegexMatcher(const Regex& regex);

  /// Puts the successive matches in `text` (valid UTF-8) into `matches`, as Oniguruma's find_iter
  /// gives them: leftmost first, and no empty match right after another match. Throws Error when
  /// the pattern needs too many steps or too much memory on this text.
  void find_all(std::string_view text, std::vector<Span>& matches);

 private:
  struct MatchDeleter {
    void operator()(void* data) const;
  };
  struct ContextDeleter {
    void operator()(void* context) const;
  };
  bool find(std::string_view text, std::size_t from, Span& match);

  const void* code_;
  std::unique_ptr<void, MatchDeleter> data_;       // pcre2_match_data
  std::unique_ptr<void, ContextDeleter> context_;  // pcre2_match_context
};

}  // namespace saccade::text
