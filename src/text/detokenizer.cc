#include "text/detokenizer.h"

#include <algorithm>

#include "text/tokenizer_decoder.h"
#include "text/unicode.h"

namespace saccade::text {

std::string StreamingDetokenizer::add(std::int32_t id) {
  if (skips(id)) return {};
  const DecodeRules& rules = tokenizer_->decode_rules();
  std::string text;
  if (!first_) text = rules.separator;
  const bool differs = first_ && rules.first_differs;
  first_ = false;
  if (tokenizer_->is_byte(id)) {
    run_ += tokenizer_->token_bytes(id);
    return text;
  }
  text += take_run();
  if (rules.raw_bytes) {
    held_ += tokenizer_->token_bytes(id);
    text += take_characters(false);
  } else if (differs) {
    text += tokenizer_->first_token_bytes(id);
  } else {
    text += tokenizer_->token_bytes(id);
  }
  return strip_front(std::move(text));
}

std::string StreamingDetokenizer::finish() {
  std::string text = strip_front(take_run() + take_characters(true));
  first_ = true;
  stripped_ = 0;
  stripping_ = true;
  return text;
}

bool StreamingDetokenizer::skips(std::int32_t id) const {
  if (!tokenizer_->is_known(id)) return true;
  const bool special = skip_special_ && tokenizer_->is_special(id);
  return special && std::find(kept_.begin(), kept_.end(), id) == kept_.end();
}

/// The run of byte tokens that has ended: its text when that is UTF-8, else U+FFFD for each byte.
std::string StreamingDetokenizer::take_run() {
  std::string text;
  if (is_valid_utf8(run_)) {
    text = run_;
  } else {
    for (std::size_t i = 0; i < run_.size(); ++i) append_utf8(text, kReplacementCharacter);
  }
  run_.clear();
  return text;
}

/// The held bytes up to a character that more bytes could complete; all of them at the end.
std::string StreamingDetokenizer::take_characters(bool at_end) {
  std::string_view rest = held_;
  std::string text;
  while (!rest.empty()) {
    const std::size_t valid = valid_utf8_prefix(rest);
    text += rest.substr(0, valid);
    rest.remove_prefix(valid);
    if (rest.empty()) break;
    const DecodedChar broken = decode_utf8(rest);
    if (broken.state == DecodedChar::State::kTruncated && !at_end) break;
    append_utf8(text, kReplacementCharacter);
    rest.remove_prefix(broken.size);
  }
  held_ = std::string(rest);
  return text;
}

std::string StreamingDetokenizer::strip_front(std::string text) {
  const DecodeRules& rules = tokenizer_->decode_rules();
  std::size_t size = 0;
  while (stripping_ && size < text.size()) {
    const DecodedChar front = decode_utf8(std::string_view(text).substr(size));
    stripping_ = stripped_ < rules.strip_count && front.value == rules.strip_char;
    if (!stripping_) break;
    size += front.size;
    ++stripped_;
  }
  text.erase(0, size);
  return text;
}

}  // namespace saccade::text
