#include "text/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "text/bpe_tables.h"
#include "text/unicode.h"
#include "text/unicode_classes.h"

namespace saccade::text {
namespace {

/// Longer contents do not occur; the bound keeps the search linear in the text.
constexpr std::size_t kMaxContentBytes = 4096;

/// Bytes of UTF-8.
constexpr std::size_t kLongestChar = 4;

AddedToken read_token(const boost::json::value& value, const std::string& where) {
  const JsonObject object(value, where);
  AddedToken token;
  token.content = object.string("content");
  token.single_word = object.boolean_or("single_word", false);
  token.lstrip = object.boolean_or("lstrip", false);
  token.rstrip = object.boolean_or("rstrip", false);
  token.special = object.boolean_or("special", false);
  token.normalized = object.boolean_or("normalized", !token.special);
  object.integer_in("id", 0, kMaxTokenId - 1);
  if (token.content.size() > kMaxContentBytes) {
    fail("{}: \"content\" is over {} bytes long", where, kMaxContentBytes);
  }
  if (!is_valid_utf8(token.content)) fail("{}: \"content\" is not UTF-8", where);
  return token;
}

/// Where the white space at the end of `text` begins.
std::size_t trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && (static_cast<std::uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    if (!is_whitespace(decode_utf8(text.substr(begin, end - begin)).value)) break;
    end = begin;
  }
  return end;
}

std::size_t leading_space(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const DecodedChar decoded = decode_utf8(text.substr(size));
    if (!is_whitespace(decoded.value)) break;
    size += decoded.size;
  }
  return size;
}

}  // namespace

TokenMatcher::TokenMatcher(std::vector<std::pair<std::string, std::int32_t>> tokens)
    : tokens_(std::move(tokens)), begins_(256, false) {
  const auto by_text = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto same_text = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::stable_sort(tokens_.begin(), tokens_.end(), by_text);
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(), same_text), tokens_.end());
  for (const auto& [text, id] : tokens_) begins_[static_cast<std::uint8_t>(text[0])] = true;
}

/// Narrows the sorted strings byte by byte; a string that ends on the way stands first among them.
std::optional<TokenMatcher::Match> TokenMatcher::longest_at(std::string_view text,
                                                            std::size_t begin) const {
  std::optional<Match> best;
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (std::size_t depth = 0; begin + depth < text.size(); ++depth) {
    const auto byte = static_cast<std::uint8_t>(text[begin + depth]);
    const auto byte_of = [&](const auto& token) -> int {
      return depth < token.first.size() ? static_cast<std::uint8_t>(token.first[depth]) : -1;
    };
    low = std::partition_point(low, high, [&](const auto& token) { return byte_of(token) < byte; });
    high =
        std::partition_point(low, high, [&](const auto& token) { return byte_of(token) <= byte; });
    if (low == high) break;
    if (low->first.size() == depth + 1) best = Match{{begin, begin + depth + 1}, low->second};
  }
  return best;
}

std::optional<TokenMatcher::Match> TokenMatcher::find(std::string_view text,
                                                      std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_[static_cast<std::uint8_t>(text[begin])]) continue;
    if (const std::optional<Match> match = longest_at(text, begin)) return match;
  }
  return std::nullopt;
}

AddedTokens::AddedTokens(const boost::json::value* list, std::string_view where,
                         const TokenModel& model, const Normalizer* normalizer)
    : normalizer_(normalizer) {
  if (list && !list->is_null()) {
    if (!list->is_array()) fail("{}: must be a list", where);
    for (std::size_t i = 0; i < list->get_array().size(); ++i) {
      const std::string place = fmt::format("{}[{}]", where, i);
      add(read_token(list->get_array()[i], place), model, place);
    }
  }
  std::vector<std::pair<std::string, std::int32_t>> raw;
  std::vector<std::pair<std::string, std::int32_t>> normalized;
  for (const std::vector<AddedToken>* tokens : {&special_, &plain_}) {
    for (const AddedToken& token : *tokens) {
      const std::int32_t id = id_of_content_.at(token.content);
      std::string content = token.content;
      if (token.normalized && normalizer_) normalizer_->apply(content);
      // A token of which nothing is left is never found, nor is it shown.
      if (content.empty()) continue;
      if (token.normalized) decoded_of_id_[id] = content;
      (token.normalized ? normalized : raw).emplace_back(std::move(content), id);
    }
  }
  raw_.emplace(std::move(raw));
  normalized_.emplace(std::move(normalized));
}

/// The reference's rules, down to entries that repeat or change an earlier one.
void AddedTokens::add(const AddedToken& token, const TokenModel& model, std::string_view where) {
  if (token.content.empty()) return;
  if (token.special && special_contents_.insert(token.content).second) special_.push_back(token);
  std::int32_t id = 0;
  if (const std::optional<std::int32_t> known = this->id(token.content)) {
    id = *known;
  } else if (const std::optional<std::int32_t> of_model = model.token_id(token.content)) {
    id = *of_model;
  } else {
    id = next_id(model);
    if (id >= kMaxTokenId) fail("{}: ids must be below {}", where, kMaxTokenId);
  }
  const auto [entry, is_new] = token_of_id_.try_emplace(id, token);
  if (!is_new) {
    if (entry->second == token) return;
    entry->second = token;
  }
  id_of_content_[token.content] = id;
  max_id_ = std::max(max_id_, id);
  end_id_ = std::max(end_id_, id + 1);
  if (!special_contents_.contains(token.content)) plain_.push_back(token);
  if (token.single_word && !word_at_start_) {
    word_at_start_ = Regex::from_pcre(fmt::format("\\A[{}]", rust_word_class()));
    word_at_end_ = Regex::from_pcre(fmt::format("[{}]\\z", rust_word_class()));
  }
}

std::int32_t AddedTokens::next_id(const TokenModel& model) const {
  return std::max(max_id_ + 1, model.token_count());
}

std::optional<std::int32_t> AddedTokens::id(std::string_view content) const {
  const auto found = id_of_content_.find(std::string(content));
  return found == id_of_content_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string_view> AddedTokens::decoded_form(std::int32_t id) const {
  if (const auto found = decoded_of_id_.find(id); found != decoded_of_id_.end()) {
    return found->second;
  }
  const auto found = token_of_id_.find(id);
  if (found == token_of_id_.end()) return std::nullopt;
  return found->second.content;
}

bool AddedTokens::stands_alone(std::string_view text, const Span& span) const {
  // One character on either side decides.
  std::size_t before = span.begin;
  while (before > 0 && span.begin - before < kLongestChar) {
    --before;
    if ((static_cast<std::uint8_t>(text[before]) & 0xC0) != 0x80) break;
  }
  std::vector<Span> matches;
  RegexMatcher(*word_at_end_).find_all(text.substr(before, span.begin - before), matches);
  if (!matches.empty()) return false;
  const std::string_view after = text.substr(span.end);
  if (after.empty()) return true;
  RegexMatcher(*word_at_start_).find_all(after.substr(0, decode_utf8(after).size), matches);
  return matches.empty();
}

void AddedTokens::cut(const Piece& whole, const TokenMatcher& matcher, bool parse_special,
                      std::vector<Piece>& pieces) const {
  const std::string_view text = whole.text;
  const auto put_text = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    pieces.push_back({text.substr(begin, end - begin), kNoToken, whole.first && begin == 0});
  };
  std::size_t done = 0;
  std::size_t from = 0;
  while (const auto match = matcher.find(text, from)) {
    Span span = match->span;
    from = span.end;
    const AddedToken& token = token_of_id_.at(match->id);
    if (!parse_special && special_contents_.contains(token.content)) continue;
    if (token.single_word && !stands_alone(text, span)) continue;
    if (token.lstrip) {
      span.begin = std::max(trailing_space(text.substr(0, span.begin)), done);
    }
    if (token.rstrip) span.end += leading_space(text.substr(span.end));
    put_text(done, span.begin);
    // Nothing is left of a token of white space that the one before took along.
    if (span.begin < span.end) {
      pieces.push_back({text.substr(span.begin, span.end - span.begin), match->id});
    }
    done = span.end;
  }
  put_text(done, text.size());
}

PieceList AddedTokens::split(std::string_view text, bool parse_special) const {
  PieceList list;
  std::vector<Piece> raw;
  cut({text, kNoToken, true}, *raw_, parse_special, raw);
  for (const Piece& piece : raw) {
    if (piece.token != kNoToken) {
      list.pieces.push_back(piece);
    } else if (!normalizer_) {
      cut(piece, *normalized_, parse_special, list.pieces);
    } else {
      std::string& normal = list.new_text();
      normal = piece.text;
      normalizer_->apply(normal);
      cut({normal, kNoToken, piece.first}, *normalized_, parse_special, list.pieces);
    }
  }
  return list;
}

}  // namespace saccade::text
