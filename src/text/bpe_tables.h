// The two look-up tables of byte pair encoding: tokens, and merges of pairs of tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace saccade::text {

/// Ids are below this: room for any known vocabulary (the largest have about 300,000 tokens), while
/// a hostile file cannot ask for a huge table.
inline constexpr std::int32_t kMaxTokenId = 1 << 22;

/// Strings and their ids, both ways. The strings live in one block of memory.
class TokenTable {
 public:
  /// Reads "vocab" of a model in tokenizer.json: an object of tokens and ids. Throws Error for
  /// wrong types, ids out of [0, kMaxTokenId) or given twice, and tokens that are not UTF-8.
  static TokenTable from_json(const JsonObject& model);

  /// Makes room for `count` tokens of `bytes` bytes altogether.
  void reserve(std::size_t count, std::size_t bytes);

  /// Adds a token with an id in [0, kMaxTokenId); false, and no change, when the string or the id
  /// is there already.
  bool insert(std::string_view token, std::int32_t id);

  std::optional<std::int32_t> find(std::string_view token) const;

  /// The string of an id; nullopt for an unknown id.
  std::optional<std::string_view> token(std::int32_t id) const;

  std::int32_t count() const { return static_cast<std::int32_t>(entries_.size()); }
  std::int32_t end_id() const { return static_cast<std::int32_t>(entry_of_id_.size()); }

 private:
  struct Entry {
    std::uint32_t begin;
    std::uint32_t size;
    std::int32_t id;
    std::uint32_t hash;
  };
  std::string_view text(const Entry& entry) const {
    return std::string_view(arena_).substr(entry.begin, entry.size);
  }
  std::size_t slot_of(std::string_view token, std::uint32_t hash) const;
  void rehash(std::size_t slot_count);

  std::string arena_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;        // index into entries_ + 1, or 0; open addressing
  std::vector<std::uint32_t> entry_of_id_;  // likewise, by id
};

/// What a pair of neighbours becomes, and how early: the lowest rank is merged first.
struct Merge {
  std::uint32_t rank;
  std::int32_t id;
};

/// Pairs of token ids and their merges.
class MergeTable {
 public:
  explicit MergeTable(std::size_t count);

  /// Adds a merge; of two for the same pair the last holds, as in the reference.
  void insert(std::int32_t left, std::int32_t right, Merge merge);

  /// The merge of a pair, or nullptr.
  const Merge* find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t slot = first_slot(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return &slots_[slot].merge;
      if (slots_[slot].key == kEmpty) return nullptr;
    }
  }

 private:
  struct Slot {
    std::uint64_t key;
    Merge merge;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // ids are not negative

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t first_slot(std::uint64_t key) const {
    // The high half of a product with an odd constant (2^64 / golden ratio) mixes both ids.
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15ULL >> 32) & mask_;
  }

  std::vector<Slot> slots_;
  std::size_t mask_;
};

}  // namespace saccade::text
