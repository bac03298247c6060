// Remembers the ids of words seen lately.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace saccade::text {

/// A cache of bounded size (2.6 MB when in use): each word has one place, where a newer word
/// replaces the older. Text repeats its words, so most are found; long words and those of many ids
/// are not kept.
class WordCache {
 public:
  static constexpr std::size_t kMaxWordBytes = 40;
  static constexpr std::size_t kMaxIds = 8;

  /// The ids of a word, or an empty span when it is not here.
  std::span<const std::int32_t> find(std::string_view word) const {
    if (entries_.empty() || word.size() > kMaxWordBytes) return {};
    const Entry& entry = entries_[index_of(word)];
    if (std::string_view(entry.word.data(), entry.word_size) != word) return {};
    return std::span(entry.ids).first(entry.id_count);
  }

  void insert(std::string_view word, std::span<const std::int32_t> ids) {
    if (word.size() > kMaxWordBytes || ids.size() > kMaxIds) return;
    if (entries_.empty()) entries_.resize(kEntries);
    Entry& entry = entries_[index_of(word)];
    word.copy(entry.word.data(), word.size());
    entry.word_size = static_cast<std::uint8_t>(word.size());
    std::copy(ids.begin(), ids.end(), entry.ids.begin());
    entry.id_count = static_cast<std::uint8_t>(ids.size());
  }

 private:
  static constexpr std::size_t kEntries = std::size_t{1} << 15;

  struct Entry {
    std::array<char, kMaxWordBytes> word;
    std::array<std::int32_t, kMaxIds> ids;
    std::uint8_t word_size = 0;
    std::uint8_t id_count = 0;
  };
  static std::size_t index_of(std::string_view word) {
    return std::hash<std::string_view>{}(word) % kEntries;
  }

  std::vector<Entry> entries_;
};

}  // namespace saccade::text
