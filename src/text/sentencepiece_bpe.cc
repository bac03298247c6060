#include "text/sentencepiece_bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <queue>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};

}  // namespace

SentencePieceBpe::SentencePieceBpe(const JsonObject& model)
    : tokens_(TokenTable::from_json(model)), unknown_token_(model.string_or("unk_token", "")) {
  const boost::json::value& list = model.at("scores");
  if (!list.is_array() || std::ssize(list.get_array()) < tokens_.end_id()) {
    fail("{}: \"scores\" must be a list of {} numbers, one for each id", model.where(),
         tokens_.end_id());
  }
  scores_.reserve(list.get_array().size());
  for (const boost::json::value& item : list.get_array()) {
    boost::json::error_code no_number;
    const auto score = static_cast<float>(item.to_number<double>(no_number));
    if (no_number || !std::isfinite(score)) {
      fail("{}: scores[{}] must be a number", model.where(), scores_.size());
    }
    scores_.push_back(score);
  }
  for (std::int32_t id = 0; id < tokens_.end_id(); ++id) {
    longest_ = std::max(longest_, tokens_.token(id).value_or("").size());
  }
  for (std::size_t byte = 0; byte < id_of_byte_.size(); ++byte) {
    id_of_byte_[byte] = tokens_.find(fmt::format("<0x{:02X}>", byte)).value_or(kNoToken);
  }
}

/// What the symbol at `left` and the one behind it would become, if that is a token.
std::optional<SentencePieceBpe::Bigram> SentencePieceBpe::bigram(std::string_view text,
                                                                 const std::vector<Symbol>& symbols,
                                                                 std::uint32_t left) const {
  if (left == kNone || symbols[left].next == kNone) return std::nullopt;
  const std::uint32_t size = symbols[left].size + symbols[symbols[left].next].size;
  if (size > longest_) return std::nullopt;
  const auto id = tokens_.find(text.substr(symbols[left].begin, size));
  if (!id) return std::nullopt;
  return Bigram{scores_[static_cast<std::size_t>(*id)], left, size};
}

/// A heap of bigrams over a linked list of symbols: n log n for n characters.
void SentencePieceBpe::join(std::string_view text, std::vector<Symbol>& symbols) const {
  std::vector<Bigram> first;
  for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) {
    if (const auto found = bigram(text, symbols, i)) first.push_back(*found);
  }
  std::priority_queue<Bigram> queue(std::less<Bigram>{}, std::move(first));
  while (!queue.empty()) {
    const Bigram best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    if (left.size == 0 || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    if (left.size + right.size != best.size) continue;
    left.size = best.size;
    left.next = right.next;
    right.size = 0;
    if (right.next != kNone) symbols[right.next].previous = best.left;
    if (const auto found = bigram(text, symbols, left.previous)) queue.push(*found);
    if (const auto found = bigram(text, symbols, best.left)) queue.push(*found);
  }
}

void SentencePieceBpe::append_bytes(std::string_view character,
                                    std::vector<std::int32_t>& ids) const {
  const auto id_of = [&](char c) { return id_of_byte_[static_cast<std::uint8_t>(c)]; };
  if (std::ranges::none_of(character, [&](char c) { return id_of(c) == kNoToken; })) {
    for (const char c : character) ids.push_back(id_of(c));
    return;
  }
  const std::optional<std::int32_t> unknown = tokens_.find(unknown_token_);
  if (!unknown) {
    fail("the text needs byte tokens for {}, or the unknown token {}, which the vocabulary lacks",
         in_quotes(character), in_quotes(unknown_token_));
  }
  ids.push_back(*unknown);
}

void SentencePieceBpe::encode_piece(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::vector<Symbol> symbols;
  symbols.reserve(text.size());
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t size = decode_utf8(text.substr(begin)).size;
    const auto at = static_cast<std::uint32_t>(symbols.size());
    const bool last = begin + size == text.size();
    symbols.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size),
                       at > 0 ? at - 1 : kNone, last ? kNone : at + 1});
    begin += size;
  }
  join(text, symbols);
  for (const Symbol& symbol : symbols) {
    if (symbol.size == 0) continue;
    const std::string_view token = text.substr(symbol.begin, symbol.size);
    if (const auto id = tokens_.find(token)) {
      ids.push_back(*id);
    } else {
      append_bytes(token, ids);
    }
  }
}

void SentencePieceBpe::encode(const std::vector<Piece>& pieces,
                              std::vector<std::int32_t>& ids) const {
  for (const Piece& piece : pieces) {
    if (piece.token != kNoToken) {
      ids.push_back(piece.token);
    } else {
      encode_piece(piece.text, ids);
    }
  }
}

}  // namespace saccade::text
