#include "grammar/cache.h"

#include <chrono>
#include <exception>

#include "base/json.h"

namespace saccade::grammar {

Grammar compile(const Source& source, std::string_view where, Style style) {
  switch (source.kind) {
    case Source::Kind::kJsonSchema:
      return Grammar::json_schema(parse_json(source.texts.at(0), where), where, style);
    case Source::Kind::kRegex:
      return Grammar::regex(source.texts.at(0));
    case Source::Kind::kChoice:
      return Grammar::choice(source.texts);
    case Source::Kind::kGbnf:
      return Grammar::gbnf(source.texts.at(0), where);
    case Source::Kind::kJsonObject:
      break;
  }
  return Grammar::json_object(style);
}

GrammarCache::GrammarCache(std::shared_ptr<const Vocabulary> vocabulary, std::size_t max_bytes,
                           std::size_t max_grammars)
    : vocabulary_(std::move(vocabulary)), max_bytes_(max_bytes), max_grammars_(max_grammars) {}

std::shared_ptr<const TokenMasks> GrammarCache::get(const Source& source, std::string_view where) {
  std::promise<MasksPtr> promise;
  std::uint64_t id = 0;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = places_.find(source); found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      const std::shared_future<MasksPtr> masks = found->second->masks;
      evict();
      lock.unlock();
      return masks.get();
    }
    id = next_id_++;
    entries_.push_front({source, promise.get_future().share(), id});
    places_.emplace(source, entries_.begin());
    evict();
  }
  try {
    // One grammar must not take the place of all others.
    const auto masks = std::make_shared<const TokenMasks>(
        compile(source, where, Style::kGeneration), vocabulary_, max_bytes_ / 2);
    promise.set_value(masks);
    return masks;
  } catch (...) {
    drop(source, id);
    promise.set_exception(std::current_exception());
    throw;
  }
}

std::size_t GrammarCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void GrammarCache::drop(const Source& source, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(source);
  if (found == places_.end() || found->second->id != id) return;
  entries_.erase(found->second);
  places_.erase(found);
}

/// Gives up what was not used for the longest time, but never the first entry.
void GrammarCache::evict() {
  const auto bytes = [](const Entry& entry) {
    const bool ready = entry.masks.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    return ready ? entry.masks.get()->memory_bytes() : 0;
  };
  std::size_t count = 0;
  std::size_t sum = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    ++count;
    sum += bytes(*entry);
    if (count > 1 && (count > max_grammars_ || sum > max_bytes_)) {
      places_.erase(entry->source);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
}

}  // namespace saccade::grammar
