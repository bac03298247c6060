#include "text/tokenizer_decoder.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "text/pretokenizer.h"
#include "text/pretokenizer_byte_level.h"
#include "text/tokenizer_config.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::int64_t kMaxStripped = 1 << 20;

/// The byte of a token "<0x41>"; -1 for any other token.
int fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  int byte = -1;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? byte : -1;
}

/// `text` without up to `start` times `character` at its front and `stop` times at its end.
std::string_view strip(std::string_view text, std::string_view character, std::size_t start,
                       std::size_t stop) {
  for (; start > 0 && text.starts_with(character); --start) text.remove_prefix(character.size());
  for (; stop > 0 && text.ends_with(character); --stop) text.remove_suffix(character.size());
  return text;
}

}  // namespace

TokenDecoder TokenDecoder::from_json(const boost::json::value* value, std::string_view where) {
  TokenDecoder decoder;
  if (!value || value->is_null()) {
    decoder.rules_.separator = " ";
  } else {
    decoder.add(*value, std::string(where), 0);
  }
  return decoder;
}

void TokenDecoder::add(const boost::json::value& value, const std::string& where, int depth) {
  if (depth > kMaxDepth) fail("{}: sequences are nested more than {} deep", where, kMaxDepth);
  const JsonObject object(value, where);
  const std::string type = object.string("type");
  const auto wants_tokens = [&] {
    if (!on_tokens()) fail("{}: decoder \"{}\" on joined tokens is not supported", where, type);
  };
  if (type == "ByteLevel") {
    wants_tokens();
    rules_.raw_bytes = true;
    whole_ = true;
  } else if (type == "ByteFallback") {
    wants_tokens();
    byte_fallback_ = true;
  } else if (type == "Fuse") {
    whole_ = true;
  } else if (type == "Replace") {
    wants_tokens();
    Step step;
    step.pattern.push_back(regex_of_replace(object));
    step.content = object.string("content");
    steps_.push_back(std::move(step));
  } else if (type == "Metaspace") {
    // Behind ByteFallback too: byte tokens hold no meta space.
    if (whole_) wants_tokens();
    add_metaspace(object);
  } else if (type == "Strip") {
    add_strip(object);
  } else if (type == "Sequence") {
    const boost::json::value& list = object.at("decoders");
    if (!list.is_array()) fail("{}: \"decoders\" must be a list", where);
    std::size_t index = 0;
    for (const boost::json::value& step : list.get_array()) {
      add(step, fmt::format("{}: decoders[{}]", where, index++), depth + 1);
    }
  } else {
    fail("{}: decoder \"{}\" is not supported", where, type);
  }
}

void TokenDecoder::add_strip(const JsonObject& object) {
  const std::string content = object.string("content");
  const auto start = static_cast<std::size_t>(object.integer_in("start", 0, kMaxStripped));
  const auto stop = static_cast<std::size_t>(object.integer_in("stop", 0, kMaxStripped));
  const DecodedChar decoded = content.empty() ? DecodedChar{} : decode_utf8(content);
  if (decoded.state != DecodedChar::State::kValid || decoded.size != content.size()) {
    fail("{}: \"content\" must be one character", object.where());
  }
  if (on_tokens()) {
    Step step;
    step.content = content;
    step.start = start;
    step.stop = stop;
    steps_.push_back(std::move(step));
    return;
  }
  if (!whole_ || stop > 0 || rules_.strip_count > 0) {
    fail("{}: decoder \"Strip\" is supported on single tokens, and once at the start of the text",
         object.where());
  }
  rules_.strip_char = decoded.value;
  rules_.strip_count = start;
}

void TokenDecoder::add_metaspace(const JsonObject& object) {
  const MetaspaceOptions options = MetaspaceOptions::from_json(object);
  Step step;
  step.pattern.push_back(Regex::from_literal(options.replacement));
  step.content = " ";
  step.not_first = options.prepend != MetaspaceOptions::Prepend::kNever;
  rules_.first_differs = rules_.first_differs || step.not_first;
  steps_.push_back(std::move(step));
}

DecodedToken TokenDecoder::decode(std::string_view token, bool first) const {
  std::string text(token);
  for (const Step& step : steps_) {
    if (step.pattern.empty()) {
      text = strip(text, step.content, step.start, step.stop);
    } else {
      std::string_view content = step.content;
      if (step.not_first && first) content = {};
      text = replace_matches(step.pattern[0], text, content);
    }
  }
  if (rules_.raw_bytes) {
    std::string bytes;
    // A token with other characters, such as an added one with a space, stands for itself.
    return {append_bytes_of_byte_level(bytes, text) ? bytes : text, DecodedToken::Kind::kText};
  }
  const int byte = byte_fallback_ ? fallback_byte(text) : -1;
  if (byte < 0) return {std::move(text), DecodedToken::Kind::kText};
  return {std::string(1, static_cast<char>(byte)), DecodedToken::Kind::kByte};
}

}  // namespace saccade::text
