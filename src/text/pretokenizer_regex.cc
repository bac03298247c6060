#include "text/pretokenizer_regex.h"

#include <array>
#include <cctype>
#include <new>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "text/pretokenizer_pattern.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

// Text of a user reaches the patterns, so a match is bounded: a hostile pattern gives up after 0.3
// s, while those of known tokenizers stay far below on 10 MB of blanks, letters or marks in one
// piece.
constexpr std::uint32_t kMatchLimit = 100'000'000;
constexpr std::uint32_t kHeapLimitKib = 512 * 1024;

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

PCRE2_SPTR units(std::string_view text) {
  // An empty view may hold a null pointer, which PCRE2 10.42 does not take.
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
}

const pcre2_code* as_code(const void* code) {
  return static_cast<const pcre2_code*>(code);
}

}  // namespace

void Regex::CodeDeleter::operator()(void* code) const {
  pcre2_code_free(static_cast<pcre2_code*>(code));
}

Regex::Regex(std::string_view pattern, std::string_view where) {
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(units(pattern), pattern.size(),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                            &error, &offset, context.get()));
  if (!code_) fail("{}: the regular expression is not valid: {}", where, message_of(error));
  // Where there is no JIT the interpreter gives the same matches.
  pcre2_jit_compile(static_cast<pcre2_code*>(code_.get()), PCRE2_JIT_COMPLETE);
}

Regex Regex::from_oniguruma(std::string_view pattern, std::string_view where) {
  return Regex(translate_pattern(pattern, where), where);
}

Regex Regex::from_pcre(std::string_view pattern) {
  return Regex(pattern, "saccade");
}

Regex Regex::from_literal(std::string_view text) {
  std::string pattern;
  for (char c : text) {
    // A backslash before any ASCII character that is no letter or digit makes it literal.
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\0') {
      pattern += "\\x00";
      continue;
    }
    if (byte < 0x80 && !std::isalnum(byte)) pattern += '\\';
    pattern += c;
  }
  return Regex(pattern, "saccade");
}

bool Regex::can_match_empty() const {
  std::uint32_t empty = 0;
  pcre2_pattern_info(as_code(code_.get()), PCRE2_INFO_MATCHEMPTY, &empty);
  return empty != 0;
}

void RegexMatcher::MatchDeleter::operator()(void* data) const {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(data));
}

void RegexMatcher::ContextDeleter::operator()(void* context) const {
  pcre2_match_context_free(static_cast<pcre2_match_context*>(context));
}

RegexMatcher::RegexMatcher(const Regex& regex)
    : code_(regex.code_.get()),
      data_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)) {
  if (!data_ || !context_) throw std::bad_alloc();
  auto* context = static_cast<pcre2_match_context*>(context_.get());
  pcre2_set_match_limit(context, kMatchLimit);
  pcre2_set_heap_limit(context, kHeapLimitKib);
}

bool RegexMatcher::find(std::string_view text, std::size_t from, Span& match) {
  auto* data = static_cast<pcre2_match_data*>(data_.get());
  auto* context = static_cast<pcre2_match_context*>(context_.get());
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(as_code(code_), units(text), text.size(), from, PCRE2_NO_UTF_CHECK | options,
                       data, context);
  };
  int result = run(0);
  // Nested repetitions over long text outgrow the JIT's 32 KiB of stack; the interpreter uses the
  // heap.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = run(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return false;
  if (result < 0) {
    fail("the tokenizer's regular expression gave up on a text of {} bytes: {}", text.size(),
         message_of(result));
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data);
  match = {offsets[0], offsets[1]};
  return true;
}

void RegexMatcher::find_all(std::string_view text, std::vector<Span>& matches) {
  matches.clear();
  std::size_t from = 0;
  Span match;
  while (from <= text.size() && find(text, from, match)) {
    const bool empty = match.begin == match.end;
    if (empty && !matches.empty() && matches.back().end == match.end) {
      from += from < text.size() ? decode_utf8(text.substr(from)).size : 1;
      continue;
    }
    matches.push_back(match);
    from = match.end;
  }
}

}  // namespace saccade::text
