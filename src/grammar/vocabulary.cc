#include "grammar/vocabulary.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::grammar {

Vocabulary::Vocabulary(const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens) {
  tokens_.resize(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id)) {
      tokens_[static_cast<std::size_t>(id)] = tokenizer.token_bytes(id);
    }
  }
  if (tokenizer.separates_tokens()) {
    fail("this tokenizer puts text between tokens, so that answers cannot follow a grammar");
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
    entries.emplace_back(tokens_[i], static_cast<std::uint32_t>(i));
  }
  trie_ = ByteTrie(std::move(entries));
}

bool Vocabulary::is_end(std::int32_t token) const {
  return std::ranges::find(end_tokens_, token) != end_tokens_.end();
}

}  // namespace saccade::grammar
