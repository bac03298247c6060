#include "grammar/matcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "grammar/special_text.h"

namespace saccade::grammar {
namespace {

/// A byte, or a range of them, as a message shows it.
std::string shown(int low, int high) {
  const auto one = [](int byte) -> std::string {
    if (byte == '"') return "'\"'";
    if (byte == '\n') return "a line break";
    if (byte > 0x20 && byte < 0x7F) return fmt::format("\"{}\"", static_cast<char>(byte));
    if (byte == ' ') return "a space";
    return fmt::format("byte 0x{:02X}", byte);
  };
  if (low == '0' && high == '9') return "a digit";
  if (low == high) return one(low);
  return one(low) + " to " + one(high);
}

/// The bytes of `text` before a character or special token that is cut off at its end.
std::size_t whole_characters(std::string_view text) {
  if (text.ends_with(kSpecialEnd)) return text.size();
  const std::size_t special = text.rfind(kSpecialBegin);
  if (special != std::string_view::npos &&
      text.find(kSpecialEnd, special) == std::string_view::npos)
    return special;
  const std::size_t longest = std::min<std::size_t>(text.size(), 4);
  for (std::size_t back = 1; back <= longest; ++back) {
    const auto byte = static_cast<std::uint8_t>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t needed = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    return back < needed ? text.size() - back : text.size();
  }
  return text.size();
}

}  // namespace

Matcher::Matcher(Grammar grammar)
    : grammar_(std::move(grammar)), machine_(grammar_.program()), threads_(machine_.start()) {}

Matcher::Matcher(std::shared_ptr<const TokenMasks> masks)
    : grammar_(masks->grammar()),
      masks_(std::move(masks)),
      machine_(grammar_.program()),
      threads_(machine_.start()) {}

bool Matcher::accept(std::string_view bytes) {
  return !ended_ && !holds_special(bytes) && advance(bytes);
}

bool Matcher::advance(std::string_view bytes) {
  Threads after = machine_.advance(threads_, bytes);
  if (after.empty()) return false;
  threads_ = std::move(after);
  return true;
}

/// The text of an answer cannot begin with a space that decoding would take from it.
bool Matcher::refused_at_start(std::int32_t token) const {
  const Vocabulary& vocabulary = masks_->vocabulary();
  return last_ < 0 && vocabulary.drops_first_space() &&
         vocabulary.bytes(static_cast<std::size_t>(token)).starts_with(' ');
}

bool Matcher::accept(std::int32_t token) {
  const Vocabulary& vocabulary = masks_->vocabulary();
  if (ended_ || token < 0 || static_cast<std::size_t>(token) >= vocabulary.size()) return false;
  if (vocabulary.is_end(token)) return ended_ = complete();
  const std::string_view bytes = vocabulary.bytes(static_cast<std::size_t>(token));
  if (bytes.empty() || refused_at_start(token) || !advance(bytes)) return false;
  last_ = token;
  return true;
}

void Matcher::mask(std::span<std::uint64_t> bits) const {
  const Vocabulary& vocabulary = masks_->vocabulary();
  if (bits.size() != vocabulary.mask_words()) {
    fail("a mask of {} tokens has {} words, found {}", vocabulary.size(), vocabulary.mask_words(),
         bits.size());
  }
  if (ended_) fail("the answer has ended: no token can follow");
  masks_->fill(threads_, bits);
  if (last_ < 0 && vocabulary.drops_first_space()) {
    const ByteTrie& trie = vocabulary.trie();
    for (const std::uint32_t token : trie.values(trie.beginning_with(' '))) {
      clear_token(bits, token);
    }
  }
  if (complete()) {
    for (const std::int32_t token : vocabulary.end_tokens()) {
      set_token(bits, static_cast<std::uint32_t>(token));
    }
  }
  if (std::ranges::all_of(bits, [](std::uint64_t word) { return word == 0; })) {
    fail("no token of the vocabulary can follow here: the grammar wants {}", expected());
  }
}

bool Matcher::must_end() const {
  if (ended_) return true;
  if (!complete()) return false;
  for (int byte = 0; byte < 256; ++byte) {
    if (!machine_.step(threads_, static_cast<std::uint8_t>(byte)).empty()) return false;
  }
  return true;
}

/// Appends the bytes that must come to `bytes`, and gives the place behind them.
Threads Matcher::follow_forced(std::size_t limit, std::string& bytes) const {
  Threads threads = threads_;
  Threads after;
  while (!ended_ && bytes.size() < limit && !machine_.complete(threads)) {
    Threads only;
    int choice = -1;
    for (int byte = 0; byte < 256; ++byte) {
      machine_.step(threads, static_cast<std::uint8_t>(byte), after);
      if (after.empty()) continue;
      if (choice >= 0) return threads;
      choice = byte;
      std::swap(only, after);
    }
    if (choice < 0) return threads;
    bytes += static_cast<char>(choice);
    threads = std::move(only);
  }
  return threads;
}

std::string Matcher::forced(std::size_t limit) const {
  std::string bytes;
  follow_forced(limit, bytes);
  return bytes;
}

/// How many of the forced bytes are certain to end a token wherever the tokenizer does so: those
/// before the first place where a token begins that goes on behind all of them.
std::size_t Matcher::settled(std::string_view bytes, const Threads& behind) const {
  const ByteTrie& trie = masks_->vocabulary().trie();
  for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
    bool goes_on = false;
    trie.walk(
        trie.below(bytes.substr(begin)), behind,
        [&](const Threads& before, std::uint8_t byte, Threads& after) {
          if (goes_on) return false;
          machine_.step(before, byte, after);
          return !after.empty();
        },
        [&](const ByteTrie::Node& node, Threads&) { goes_on |= node.value_count > 0; });
    if (goes_on) return begin;
  }
  return bytes.size();
}

std::vector<std::int32_t> Matcher::forced_tokens(std::size_t limit) const {
  if (!masks_) return {};
  std::string bytes;
  Threads behind = follow_forced(limit, bytes);
  if (const std::size_t whole = whole_characters(bytes); whole < bytes.size()) {
    bytes.clear();
    behind = follow_forced(whole, bytes);
  }
  if (bytes.empty()) return {};
  const Vocabulary& vocabulary = masks_->vocabulary();
  // An answer mostly begins on a new line behind the prompt.
  const std::string_view before =
      last_ < 0 ? "\n" : vocabulary.bytes(static_cast<std::size_t>(last_));
  std::optional<std::vector<std::int32_t>> tokens = vocabulary.encode_behind(before, bytes);
  if (!tokens) return {};
  std::size_t left = settled(bytes, behind);
  std::size_t count = 0;
  for (const std::int32_t token : *tokens) {
    const std::size_t size = vocabulary.bytes(static_cast<std::size_t>(token)).size();
    if (size > left || (count == 0 && refused_at_start(token))) break;
    left -= size;
    ++count;
  }
  tokens->resize(count);
  return *tokens;
}

std::string Matcher::expected() const {
  std::array<bool, 257> open{};
  bool line_break = false;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const bool space = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
    open[byte] = !machine_.step(threads_, static_cast<std::uint8_t>(byte)).empty();
    // Where JSON allows space it is nothing to speak of.
    if (space && grammar_.program().json && grammar_.program().documents) {
      line_break |= open[byte];
      open[byte] = false;
    }
  }
  std::vector<std::string> parts;
  if (complete()) parts.emplace_back("the end");
  for (int low = 0; low < 256; ++low) {
    if (!open[static_cast<std::size_t>(low)]) continue;
    int high = low;
    while (open[static_cast<std::size_t>(high) + 1]) ++high;
    if (low == static_cast<std::uint8_t>(kSpecialBegin)) {
      parts.emplace_back("a special token");
      break;
    }
    // All letters behind ASCII at once: the rest of some string.
    if (low >= 0x80) {
      parts.emplace_back("a character beyond ASCII");
      low = static_cast<std::uint8_t>(kSpecialBegin) - 1;
      continue;
    }
    if (high == low + 1) {
      parts.push_back(shown(low, low));
      low = high;
    }
    parts.push_back(shown(low, std::min(high, 0x7F)));
    low = high;
  }
  if (parts.empty()) return line_break ? "space" : "nothing";
  constexpr std::size_t kMaxParts = 8;
  if (parts.size() > kMaxParts) {
    parts.resize(kMaxParts);
    parts.emplace_back("others");
  }
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
  }
  return text;
}

std::optional<Mismatch> find_mismatch(const Grammar& grammar, std::string_view text) {
  Matcher matcher(grammar);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!matcher.accept(text.substr(i, 1))) return Mismatch{i, matcher.expected()};
  }
  if (!matcher.complete()) return Mismatch{text.size(), matcher.expected()};
  return std::nullopt;
}

}  // namespace saccade::grammar
