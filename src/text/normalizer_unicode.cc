#include "text/normalizer_unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

struct CodeRange {
  char32_t first;
  char32_t last;
};

/// Characters that decompose, compose or carry a combining class in a Unicode version after 9,
/// which the reference leaves alone. Up to Unicode 15 each one is listed; of Unicode 16 and 17 the
/// whole new blocks that hold such characters, for builds of utf8proc that know them.
constexpr auto kUntouched = std::to_array<CodeRange>({
    {0x07FD, 0x07FD},   {0x0897, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},
    {0x0C3C, 0x0C3C},   {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},
    {0x1ABF, 0x1AEB},   {0x1DF6, 0x1DFA},   {0x32FF, 0x32FF},   {0xA7F1, 0xA7F4},
    {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x105C0, 0x105FF}, {0x10781, 0x10785},
    {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10D40, 0x10D8F},
    {0x10EAB, 0x10EAC}, {0x10EFA, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x11380, 0x113FF}, {0x1145E, 0x1145E},
    {0x11839, 0x1183A}, {0x11930, 0x11930}, {0x11935, 0x11935}, {0x11938, 0x11938},
    {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
    {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
    {0x11D97, 0x11D97}, {0x11DB0, 0x11DEF}, {0x11F41, 0x11F42}, {0x16100, 0x1613F},
    {0x16D40, 0x16D7F}, {0x16FF0, 0x16FF1}, {0x1CC00, 0x1CCFF}, {0x1E030, 0x1E06D},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
    {0x1E4EC, 0x1E4EF}, {0x1E5D0, 0x1E6FF}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
});

/// Characters that stand for themselves in NFC and combine with nothing before them: text may be
/// cut in front of them. A choice of the common ones, so that most text takes no slow step.
constexpr auto kInert = std::to_array<CodeRange>({
    {0x0000, 0x02FF},  // Latin
    {0x0400, 0x0482},  // Cyrillic
    {0x05D0, 0x05EA},  // Hebrew
    {0x0621, 0x064A},  // Arabic
    {0x0E01, 0x0E33},  // Thai
    {0x2010, 0x2027},  // punctuation
    {0x3001, 0x3029},  // CJK punctuation
    {0x3041, 0x3096},  // Hiragana
    {0x30A1, 0x30FA},  // Katakana
    {0x4E00, 0x9FFF},  // CJK ideographs
    {0xAC00, 0xD7A3},  // Hangul syllables
    {0xFF01, 0xFF5E},  // full-width forms
    {0x1F300, 0x1F9FF},
});

template <std::size_t kSize>
bool contains(const std::array<CodeRange, kSize>& ranges, char32_t value) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), value,
      [](char32_t wanted, const CodeRange& range) { return wanted < range.first; });
  return after != ranges.begin() && value <= std::prev(after)->last;
}

int combining_class(utf8proc_int32_t value) {
  return utf8proc_get_property(value)->combining_class;
}

/// Decomposed characters on their way to a string.
class Segment {
 public:
  explicit Segment(NormalizationForm form)
      : composes_(form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc) {
    const bool compatible = form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd;
    options_ = UTF8PROC_STABLE | (composes_ ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
               (compatible ? UTF8PROC_COMPAT : 0);
  }

  void add(char32_t value) {
    std::array<utf8proc_int32_t, 32> parts;  // the longest decomposition has 18 characters
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(value), parts.data(), parts.size(),
                                static_cast<utf8proc_option_t>(options_), &boundary);
    if (count < 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
      fail("utf8proc cannot decompose U+{:04X}", static_cast<std::uint32_t>(value));
    }
    values_.insert(values_.end(), parts.begin(), parts.begin() + count);
  }

  void flush(std::string& out) {
    sort_marks();
    std::size_t size = values_.size();
    if (composes_ && size > 1) {
      const utf8proc_ssize_t composed = utf8proc_normalize_utf32(
          values_.data(), static_cast<utf8proc_ssize_t>(size),
          static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
      if (composed < 0) fail("utf8proc cannot compose: {}", utf8proc_errmsg(composed));
      size = static_cast<std::size_t>(composed);
    }
    for (std::size_t i = 0; i < size; ++i) append_utf8(out, static_cast<char32_t>(values_[i]));
    values_.clear();
  }

 private:
  /// utf8proc's own ordering takes time quadratic in a run of marks, which hostile text can have.
  void sort_marks() {
    auto it = values_.begin();
    while (it != values_.end()) {
      if (combining_class(*it) == 0) {
        ++it;
        continue;
      }
      const auto end = std::find_if(it, values_.end(), [](auto v) { return !combining_class(v); });
      std::stable_sort(it, end,
                       [](auto a, auto b) { return combining_class(a) < combining_class(b); });
      it = end;
    }
  }

  bool composes_;
  int options_;
  std::vector<utf8proc_int32_t> values_;
};

/// Characters whose lower case lies `offset` further on.
struct LowerOffset {
  char32_t first;
  char32_t last;
  std::int32_t offset;
};

/// Of Unicode 16 and 17, which the Rust of the reference knows and utf8proc 2.8 (Unicode 15) does
/// not.
constexpr auto kLowerOffsets = std::to_array<LowerOffset>({
    {0x1C89, 0x1C89, 1},
    {0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    {0xA7CC, 0xA7CC, 1},
    {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},
    {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},
    {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    {0x10D50, 0x10D65, 0x20},
    {0x16EA0, 0x16EB8, 0x1B},
});

char32_t lowercase_of(char32_t value) {
  for (const LowerOffset& range : kLowerOffsets) {
    if (value >= range.first && value <= range.last) {
      return static_cast<char32_t>(static_cast<std::int32_t>(value) + range.offset);
    }
  }
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(value)));
}

}  // namespace

std::string normalize(std::string_view text, NormalizationForm form) {
  if (is_ascii(text)) return std::string(text);
  const bool skips_inert = form == NormalizationForm::kNfc;
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  Segment segment(form);
  DecodedChar current = decode_utf8(text);
  while (!text.empty()) {
    const std::string_view bytes = text.substr(0, current.size);
    text.remove_prefix(current.size);
    const DecodedChar next = text.empty() ? DecodedChar{0, 0} : decode_utf8(text);
    if (contains(kUntouched, current.value)) {
      segment.flush(out);
      out += bytes;
    } else if (skips_inert && contains(kInert, current.value)) {
      segment.flush(out);
      if (contains(kInert, next.value)) {
        out += bytes;
      } else {
        segment.add(current.value);
      }
    } else {
      segment.add(current.value);
    }
    current = next;
  }
  segment.flush(out);
  return out;
}

std::string to_lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedChar decoded = decode_utf8(text);
    text.remove_prefix(decoded.size);
    if (decoded.value == 0x130) {
      out += "i\u0307";  // the one character whose lower case is two
    } else if (decoded.value < 0x80) {
      const char c = static_cast<char>(decoded.value);
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    } else {
      append_utf8(out, lowercase_of(decoded.value));
    }
  }
  return out;
}

}  // namespace saccade::text
