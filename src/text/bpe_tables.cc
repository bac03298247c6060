#include "text/bpe_tables.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

constexpr std::size_t kMinSlots = 16;

std::uint32_t hash_of(std::string_view token) {
  const std::size_t hash = std::hash<std::string_view>{}(token);
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

/// A power of two that leaves at least half of the slots free.
std::size_t slots_for(std::size_t count) {
  return std::bit_ceil(std::max(kMinSlots, 2 * count));
}

}  // namespace

TokenTable TokenTable::from_json(const JsonObject& model) {
  const boost::json::value& value = model.at("vocab");
  if (!value.is_object()) fail("{}: \"vocab\" must be an object", model.where());
  const boost::json::object& vocabulary = value.get_object();
  std::size_t bytes = 0;
  for (const auto& [token, id] : vocabulary) bytes += token.size();
  if (bytes >= std::size_t{1} << 31) fail("{}: \"vocab\" holds over 2 GiB", model.where());
  TokenTable table;
  table.reserve(vocabulary.size(), bytes);
  for (const auto& [token, id] : vocabulary) {
    const std::string_view text(token.data(), token.size());
    boost::json::error_code not_integer;
    const auto number = id.to_number<std::int64_t>(not_integer);
    if (not_integer || number < 0 || number >= kMaxTokenId) {
      fail("{}: vocab: the id of {} must be an integer in [0, {}), found {}", model.where(),
           in_quotes(text), kMaxTokenId, in_quotes(boost::json::serialize(id)));
    }
    if (!is_valid_utf8(text)) fail("{}: vocab: {} is not UTF-8", model.where(), in_quotes(text));
    if (!table.insert(text, static_cast<std::int32_t>(number))) {
      fail("{}: vocab: the id {} of {} is given twice", model.where(), number, in_quotes(text));
    }
  }
  return table;
}

void TokenTable::reserve(std::size_t count, std::size_t bytes) {
  arena_.reserve(bytes);
  entries_.reserve(count);
  entry_of_id_.reserve(count);
  rehash(slots_for(count));
}

/// The slot that holds `token`, or the empty one where it belongs.
std::size_t TokenTable::slot_of(std::string_view token, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && text(entry) == token) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

void TokenTable::rehash(std::size_t slot_count) {
  slots_.assign(slot_count, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    slots_[slot_of(text(entries_[i]), entries_[i].hash)] = static_cast<std::uint32_t>(i + 1);
  }
}

bool TokenTable::insert(std::string_view token, std::int32_t id) {
  if (slots_.size() < 2 * (entries_.size() + 1)) rehash(slots_for(2 * (entries_.size() + 1)));
  const std::uint32_t hash = hash_of(token);
  const std::size_t slot = slot_of(token, hash);
  const auto index = static_cast<std::size_t>(id);
  if (slots_[slot] != 0 || (index < entry_of_id_.size() && entry_of_id_[index] != 0)) return false;
  if (index >= entry_of_id_.size()) entry_of_id_.resize(index + 1, 0);
  entries_.push_back({static_cast<std::uint32_t>(arena_.size()),
                      static_cast<std::uint32_t>(token.size()), id, hash});
  arena_.append(token);
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  entry_of_id_[index] = static_cast<std::uint32_t>(entries_.size());
  return true;
}

std::optional<std::int32_t> TokenTable::find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t index = slots_[slot_of(token, hash_of(token))];
  if (index == 0) return std::nullopt;
  return entries_[index - 1].id;
}

std::optional<std::string_view> TokenTable::token(std::int32_t id) const {
  const auto index = static_cast<std::size_t>(id);
  if (id < 0 || index >= entry_of_id_.size() || entry_of_id_[index] == 0) return std::nullopt;
  return text(entries_[entry_of_id_[index] - 1]);
}

MergeTable::MergeTable(std::size_t count)
    : slots_(slots_for(count), Slot{kEmpty, {}}), mask_(slots_.size() - 1) {}

void MergeTable::insert(std::int32_t left, std::int32_t right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t slot = first_slot(key);
  while (slots_[slot].key != kEmpty && slots_[slot].key != key) slot = (slot + 1) & mask_;
  slots_[slot] = {key, merge};
}

}  // namespace saccade::text
