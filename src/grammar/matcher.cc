#include "grammar/matcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace saccade::grammar {
namespace {

void set_bit(std::span<std::uint64_t> bits, std::int32_t token) {
  bits[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
}

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

}  // namespace

Matcher::Matcher(Grammar grammar)
    : grammar_(std::move(grammar)), machine_(grammar_.program()), threads_(machine_.start()) {}

Matcher::Matcher(std::shared_ptr<const TokenMasks> masks)
    : grammar_(masks->grammar()),
      masks_(std::move(masks)),
      machine_(grammar_.program()),
      threads_(machine_.start()) {}

bool Matcher::accept(std::string_view bytes) {
  if (ended_) return false;
  Threads after = machine_.advance(threads_, bytes);
  if (after.empty()) return false;
  threads_ = std::move(after);
  return true;
}

bool Matcher::accept(std::int32_t token) {
  const Vocabulary& vocabulary = masks_->vocabulary();
  if (ended_ || token < 0 || static_cast<std::size_t>(token) >= vocabulary.size()) return false;
  if (vocabulary.is_end(token)) return ended_ = complete();
  const std::string_view bytes = vocabulary.bytes(token);
  return !bytes.empty() && accept(bytes);
}

void Matcher::mask(std::span<std::uint64_t> bits) const {
  if (ended_) {
    std::ranges::fill(bits, 0);
    return;
  }
  masks_->fill(threads_, bits);
  if (!complete()) return;
  for (const std::int32_t token : masks_->vocabulary().end_tokens()) set_bit(bits, token);
}

std::string Matcher::forced(std::size_t limit) const {
  std::string bytes;
  Threads threads = threads_;
  while (!ended_ && bytes.size() < limit && !machine_.complete(threads)) {
    Threads only;
    int choice = -1;
    for (int byte = 0; byte < 256; ++byte) {
      Threads after = machine_.step(threads, static_cast<std::uint8_t>(byte));
      if (after.empty()) continue;
      if (choice >= 0) return bytes;
      choice = byte;
      only = std::move(after);
    }
    if (choice < 0) return bytes;
    bytes += static_cast<char>(choice);
    threads = std::move(only);
  }
  return bytes;
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
    // All letters behind ASCII at once: the rest of some string.
    if (low >= 0x80) {
      parts.emplace_back("a character beyond ASCII");
      break;
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
