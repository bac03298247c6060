// Any bytes as tokenizer.json, and any bytes as text for good tokenizers: ids, text or an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../text/byte_level_document.h"
#include "base/error.h"
#include "base/json.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace {

using saccade::text::StreamingDetokenizer;
using saccade::text::Tokenizer;

/// Encodes, and aborts where decoding in one and in many pieces differ.
void round_trip(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<std::int32_t> ids = tokenizer.encode(text);
  const std::string decoded = tokenizer.decode(ids, false);
  if (!saccade::text::is_valid_utf8(decoded)) std::abort();
  StreamingDetokenizer detokenizer(tokenizer, false);
  std::string streamed;
  for (const std::int32_t id : ids) streamed += detokenizer.add(id);
  if (streamed + detokenizer.finish() != decoded) std::abort();
}

Tokenizer make_fixed(bool normalizes) {
  boost::json::object document = saccade::text::byte_level_document(
      {{"a", "b"}, {" ", "ab"}, {"\xC3", "\xA9"}, {"e", "e"}, {"ee", "ee"}, {"\xEF", "\xBF"}});
  boost::json::object token = saccade::text::added_token(262, "<x>");
  token["lstrip"] = token["rstrip"] = token["single_word"] = true;
  document["added_tokens"] = {token, saccade::text::added_token(263, "<x>y", false)};
  if (normalizes) document["normalizer"] = {{"type", "NFKC"}};
  return Tokenizer::from_json(document, "fixed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tokenizer fixed = make_fixed(false);
  static const Tokenizer normalizing = make_fixed(true);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // Byte-level tokenizers without a normalizer give back what they were given.
  const std::string repaired = saccade::text::replace_invalid_utf8(input);
  if (repaired.find("<x>") == std::string::npos) {
    if (fixed.decode(fixed.encode(input), false) != repaired) std::abort();
  }
  round_trip(fixed, input);
  round_trip(normalizing, input);
  try {
    const Tokenizer tokenizer = Tokenizer::from_json(saccade::parse_json(input, "input"), "input");
    round_trip(tokenizer, input.substr(0, 300));
    round_trip(tokenizer,
               "The quick\tbrown <x> fox; 42 \xC3\xA9\xCC\x81\xF0\x9F\x98\x80\n\n  it's");
  } catch (const saccade::Error&) {
    // what bad input is answered with
  }
  return 0;
}
