#include "photos/vlm/json_answer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"

namespace saccade::photos {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxDepth = 64;
// What may be read to find JSON, each bracket at which it might begin counted as kReadAtLeast: long
// reasoning has thousands of them, and none may cost more than a moment.
constexpr std::size_t kMaxRead = std::size_t{16} << 20;
constexpr std::size_t kReadAtLeast = 4096;

/// The object or array that `text` begins with, and nothing where it begins with none. Adds what
/// was read to `read`.
std::optional<JsonAnswer> leading_json(std::string_view text, std::size_t& read) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::stream_parser parser({}, options);
  json::error_code error;
  const std::size_t size = parser.write_some(text.data(), text.size(), error);
  read += std::max(size, kReadAtLeast);
  if (error || !parser.done()) return std::nullopt;
  // The parser may have gone on over the white space behind.
  const std::size_t end = text.substr(0, size).find_last_of("}]") + 1;
  return JsonAnswer{parser.release(), std::string(text.substr(0, end))};
}

std::string mismatch_text(const JsonAnswer& found, const Grammar::Mismatch& mismatch) {
  return fmt::format("the answer leaves its schema at line {}, column {}: {}expected {}, in {}",
                     mismatch.line, mismatch.column, mismatch.at_end ? "it ends too early: " : "",
                     mismatch.expected, excerpt(found.text));
}

}  // namespace

JsonAnswer read_json_answer(std::string_view answer, const Grammar* schema,
                            std::string_view where) {
  if (answer.size() > kMaxBytes) {
    fail("{}: the answer has {} bytes; wanted JSON of {} at most", where, answer.size(), kMaxBytes);
  }
  std::string wrong;
  std::size_t at = answer.find_first_of("{[");
  for (std::size_t read = 0; at != std::string_view::npos && read < kMaxRead;
       at = answer.find_first_of("{[", at)) {
    std::optional<JsonAnswer> found = leading_json(answer.substr(at), read);
    if (!found) {
      ++at;
      continue;
    }
    const auto mismatch = schema ? schema->check(found->text) : std::nullopt;
    if (!mismatch) return std::move(*found);
    if (wrong.empty()) wrong = mismatch_text(*found, *mismatch);
    at += found->text.size();
  }
  if (!wrong.empty()) fail("{}: {}", where, wrong);
  fail("{}: wanted an answer in JSON, found \"{}\"", where, excerpt(answer));
}

std::string excerpt(std::string_view text, std::size_t max_bytes) {
  std::string line;
  while (!text.empty()) {
    const Utf8Character character = take_character(text);
    const bool control = character.code_point >= 0 &&
                         (character.code_point < 0x20 ||
                          (character.code_point >= 0x7f && character.code_point < 0xa0));
    const std::string_view shown = character.code_point < 0 ? kReplacementCharacter
                                   : control                ? std::string_view(" ")
                                                            : character.bytes;
    if (line.size() + shown.size() > max_bytes) return line + "...";
    if (!(shown == " " && line.ends_with(' '))) line += shown;
  }
  return line;
}

}  // namespace saccade::photos
