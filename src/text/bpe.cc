#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

/// Up to this many symbols, looking for the best pair anew after each merge beats a queue.
constexpr std::size_t kShortWord = 24;

constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

/// Options that change the result in ways no byte-level tokenizer uses.
void refuse_options(const JsonObject& model) {
  if (model.number_or("dropout", 0.0) != 0.0) {
    fail("{}: \"dropout\" is not supported", model.where());
  }
  for (std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const std::string text = model.string_or(key, "");
    if (!text.empty()) fail("{}: \"{}\" {} is not supported", model.where(), key, in_quotes(text));
  }
}

std::size_t merge_count(const JsonObject& model) {
  const boost::json::value& merges = model.at("merges");
  if (!merges.is_array()) fail("{}: \"merges\" must be a list", model.where());
  return merges.get_array().size();
}

struct MergePair {
  std::string_view left;
  std::string_view right;
};

/// A merge as ["a", "b"] or as "a b"; nullopt for anything else.
std::optional<MergePair> merge_pair(const boost::json::value& merge) {
  if (const auto* pair = merge.if_array()) {
    if (pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      return std::nullopt;
    return MergePair{(*pair)[0].get_string(), (*pair)[1].get_string()};
  }
  if (!merge.is_string()) return std::nullopt;
  const std::string_view text = merge.get_string();
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return MergePair{text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

Bpe::Bpe(const JsonObject& model)
    : tokens_(TokenTable::from_json(model)), merges_(merge_count(model)) {
  refuse_options(model);
  has_unknown_ = model.has("unk_token");
  unknown_token_ = model.string_or("unk_token", "");
  fuse_unknown_ = model.boolean_or("fuse_unk", false);
  byte_fallback_ = model.boolean_or("byte_fallback", false);
  ignore_merges_ = model.boolean_or("ignore_merges", false);
  index_characters();
  read_merges(model);
}

void Bpe::index_characters() {
  std::string character;
  for (char32_t c = 0; c < kQuickChars; ++c) {
    character.clear();
    append_utf8(character, c);
    id_of_quick_char_[c] = tokens_.find(character).value_or(kNoToken);
  }
  for (std::size_t byte = 0; byte < id_of_byte_.size(); ++byte) {
    id_of_byte_[byte] = tokens_.find(fmt::format("<0x{:02X}>", byte)).value_or(kNoToken);
  }
}

void Bpe::read_merges(const JsonObject& model) {
  const boost::json::array& list = model.at("merges").get_array();
  std::uint32_t rank = 0;
  std::string merged;
  for (std::size_t i = 0; i < list.size(); ++i) {
    // Lists taken over from merges.txt may keep that file's first line.
    if (list[i].is_string() && list[i].get_string().starts_with("#version")) continue;
    const std::optional<MergePair> pair = merge_pair(list[i]);
    if (!pair) {
      fail("{}: merges[{}] must be two tokens, found {}", model.where(), i,
           in_quotes(boost::json::serialize(list[i])));
    }
    merged.assign(pair->left).append(pair->right);
    const auto id_of = [&](std::string_view token) {
      const std::optional<std::int32_t> id = tokens_.find(token);
      if (!id) {
        fail("{}: merges[{}]: {} is not in the vocabulary", model.where(), i, in_quotes(token));
      }
      return *id;
    };
    const std::int32_t left = id_of(pair->left);
    const std::int32_t right = id_of(pair->right);
    merges_.insert(left, right, {rank++, id_of(merged)});
  }
}

std::int32_t Bpe::unknown_id() const {
  const std::optional<std::int32_t> id = tokens_.find(unknown_token_);
  if (!id) {
    fail("the text needs the unknown token {}, which the vocabulary lacks",
         in_quotes(unknown_token_));
  }
  return *id;
}

std::optional<std::int32_t> Bpe::id_of_char(std::string_view text, char32_t value) const {
  if (value >= kQuickChars) return tokens_.find(text);
  const std::int32_t id = id_of_quick_char_[value];
  return id == kNoToken ? std::nullopt : std::optional(id);
}

void Bpe::split_chars(std::string_view word, std::vector<std::int32_t>& symbols) const {
  std::int32_t pending = kNoToken;  // an unknown token not yet written: it may be fused
  while (!word.empty()) {
    const DecodedChar decoded = decode_utf8(word);
    const std::string_view text = word.substr(0, decoded.size);
    word.remove_prefix(decoded.size);
    if (const auto id = id_of_char(text, decoded.value)) {
      if (pending != kNoToken) symbols.push_back(pending);
      pending = kNoToken;
      symbols.push_back(*id);
      continue;
    }
    const auto byte_id = [&](char c) { return id_of_byte_[static_cast<std::uint8_t>(c)]; };
    if (byte_fallback_ &&
        std::all_of(text.begin(), text.end(), [&](char c) { return byte_id(c) != kNoToken; })) {
      // The reference leaves a pending unknown token behind these bytes.
      for (const char c : text) symbols.push_back(byte_id(c));
      continue;
    }
    if (!has_unknown_) continue;
    if (pending != kNoToken && !fuse_unknown_) symbols.push_back(pending);
    pending = unknown_id();
  }
  if (pending != kNoToken) symbols.push_back(pending);
}

/// Looks at all pairs for each merge.
void Bpe::merge_short(std::vector<std::int32_t>& symbols) const {
  std::array<Merge, kShortWord> merges;  // merges[i]: of symbols i and i + 1
  const auto look_up = [&](std::size_t i) {
    const Merge* merge = merges_.find(symbols[i], symbols[i + 1]);
    merges[i] = merge ? *merge : Merge{kNoRank, kNoToken};
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) look_up(i);
  while (symbols.size() > 1) {
    const auto end = merges.begin() + static_cast<std::ptrdiff_t>(symbols.size()) - 1;
    const auto best = std::min_element(
        merges.begin(), end, [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) return;
    const auto at = static_cast<std::size_t>(best - merges.begin());
    symbols[at] = best->id;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    std::copy(best + 1, end, best);
    if (at + 1 < symbols.size()) look_up(at);
    if (at > 0) look_up(at - 1);
  }
}

namespace {

/// A merge that was possible when it was queued.
struct QueuedMerge {
  std::uint32_t rank;
  std::uint32_t position;
  std::int32_t id;

  bool operator>(const QueuedMerge& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

using MergeQueue =
    std::priority_queue<QueuedMerge, std::vector<QueuedMerge>, std::greater<QueuedMerge>>;

constexpr std::uint32_t kNone = ~std::uint32_t{0};

}  // namespace

/// A queue of merges over a linked list of symbols: n log n for a word of n characters.
void Bpe::merge_long(std::vector<std::int32_t>& symbols) const {
  const auto count = static_cast<std::uint32_t>(symbols.size());
  std::vector<std::uint32_t> next(count);
  std::vector<std::uint32_t> previous(count);
  std::vector<QueuedMerge> first;
  const auto queued = [&](std::uint32_t at) -> std::optional<QueuedMerge> {
    if (at == kNone || next[at] == kNone) return std::nullopt;
    const Merge* merge = merges_.find(symbols[at], symbols[next[at]]);
    if (!merge) return std::nullopt;
    return QueuedMerge{merge->rank, at, merge->id};
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1 < count ? i + 1 : kNone;
    previous[i] = i > 0 ? i - 1 : kNone;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (const auto merge = queued(i)) first.push_back(*merge);
  }
  MergeQueue queue(std::greater<QueuedMerge>{}, std::move(first));
  while (!queue.empty()) {
    const QueuedMerge top = queue.top();
    queue.pop();
    if (symbols[top.position] == kNoToken) continue;  // merged into the one before
    const auto now = queued(top.position);
    if (!now || now->id != top.id) continue;  // one of the two has changed since
    const std::uint32_t right = next[top.position];
    symbols[top.position] = top.id;
    symbols[right] = kNoToken;
    next[top.position] = next[right];
    if (next[right] != kNone) previous[next[right]] = top.position;
    if (const auto merge = queued(previous[top.position])) queue.push(*merge);
    if (const auto merge = queued(top.position)) queue.push(*merge);
  }
  std::erase(symbols, kNoToken);
}

void Bpe::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto id = tokens_.find(word)) {
      ids.push_back(*id);
      return;
    }
  }
  std::vector<std::int32_t> symbols;
  symbols.reserve(word.size());
  split_chars(word, symbols);
  if (symbols.size() <= kShortWord) {
    merge_short(symbols);
  } else {
    merge_long(symbols);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void Bpe::encode(const std::vector<Piece>& pieces, std::vector<std::int32_t>& ids) const {
  const std::unique_lock lock(cache_mutex_, std::try_to_lock);
  for (const Piece& piece : pieces) {
    if (piece.token != kNoToken) {
      ids.push_back(piece.token);
      continue;
    }
    if (lock) {
      if (const auto found = cache_.find(piece.text); !found.empty()) {
        ids.insert(ids.end(), found.begin(), found.end());
        continue;
      }
    }
    const std::size_t before = ids.size();
    encode_word(piece.text, ids);
    if (lock) cache_.insert(piece.text, std::span(ids).subspan(before));
  }
}

}  // namespace saccade::text
