#include "grammar/vocabulary.h"

#include <algorithm>

#include "base/error.h"
#include "grammar/special_text.h"

namespace saccade::grammar {

Vocabulary::Vocabulary(const text::Tokenizer& tokenizer, std::size_t size,
                       std::span<const std::int32_t> end_tokens)
    : tokenizer_(&tokenizer), drops_first_space_(tokenizer.changes_beginning()) {
  if (tokenizer.separates_tokens()) {
    fail("this tokenizer puts text between tokens, so that answers cannot follow a grammar");
  }
  tokens_.resize(size);
  const auto known = static_cast<std::size_t>(tokenizer.vocab_size());
  for (std::size_t i = 0; i < std::min(size, known); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    const std::string_view bytes = tokenizer.token_bytes(id);
    if (tokenizer.is_special(id)) {
      if (!bytes.empty()) tokens_[i] = special_text(bytes);
    } else {
      tokens_[i] = bytes;
    }
  }
  finish(end_tokens);
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, std::span<const std::int32_t> end_tokens)
    : tokens_(std::move(tokens)) {
  finish(end_tokens);
}

void Vocabulary::finish(std::span<const std::int32_t> end_tokens) {
  for (const std::int32_t token : end_tokens) {
    if (token < 0 || static_cast<std::size_t>(token) >= size()) {
      fail("the end token {} is not in the vocabulary of {} tokens", token, size());
    }
    end_tokens_.push_back(token);
    tokens_[static_cast<std::size_t>(token)].clear();
  }
  std::vector<std::pair<std::string_view, std::uint32_t>> entries;
  entries.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    std::string& bytes = tokens_[i];
    if (holds_special(bytes)) {
      const std::string text = bytes.substr(1, std::max<std::size_t>(bytes.size(), 2) - 2);
      if (bytes == special_text(text) && !holds_special(text)) {
        specials_.emplace(text, static_cast<std::int32_t>(i));
      } else {
        bytes.clear();  // no part of any text
      }
    }
    entries.emplace_back(tokens_[i], static_cast<std::uint32_t>(i));
  }
  trie_ = ByteTrie(std::move(entries));
}

bool Vocabulary::is_end(std::int32_t token) const {
  return std::ranges::find(end_tokens_, token) != end_tokens_.end();
}

std::optional<std::vector<std::int32_t>> Vocabulary::cut(std::string_view before,
                                                         std::string_view text) const {
  // Where the tokenizer would not part the two, the text is cut as if it stood alone.
  for (const std::string_view context : {before, std::string_view()}) {
    std::vector<std::int32_t> ids =
        tokenizer_->encode(std::string(context) + std::string(text), {.parse_special = false});
    std::size_t left = text.size();
    auto first = ids.end();
    while (left > 0 && first != ids.begin()) {
      const auto id = static_cast<std::size_t>(*(first - 1));
      const std::string_view piece = id < size() ? bytes(id) : std::string_view();
      if (piece.empty() || !text.substr(0, left).ends_with(piece)) break;
      left -= piece.size();
      --first;
    }
    if (left == 0) return std::vector<std::int32_t>(first, ids.end());
  }
  return std::nullopt;
}

std::optional<std::vector<std::int32_t>> Vocabulary::encode_behind(std::string_view before,
                                                                   std::string_view text) const {
  if (!tokenizer_) return std::nullopt;
  // Behind a special token text is cut as on a new line.
  constexpr std::string_view kNewLine = "\n";
  if (holds_special(before)) before = kNewLine;
  std::vector<std::int32_t> ids;
  while (!text.empty()) {
    const bool special = text.front() == kSpecialBegin;
    const std::size_t end = text.find(special ? kSpecialEnd : kSpecialBegin);
    const std::size_t size = end == std::string_view::npos ? text.size() : end + (special ? 1 : 0);
    const std::string_view part = text.substr(0, size);
    if (special) {
      const auto found = specials_.find(part.substr(1, part.size() - 2));
      if (end == std::string_view::npos || found == specials_.end()) return std::nullopt;
      ids.push_back(found->second);
    } else {
      const auto more = cut(before, part);
      if (!more) return std::nullopt;
      ids.insert(ids.end(), more->begin(), more->end());
    }
    before = kNewLine;
    text.remove_prefix(size);
  }
  return ids;
}

}  // namespace saccade::grammar
