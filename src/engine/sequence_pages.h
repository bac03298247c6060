// The pages of one sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/digest.h"
#include "compute/device.h"
#include "engine/kv_pool.h"
#include "engine/prefix_cache.h"

namespace saccade::engine {

/// First those that it shares through a prefix cache, then its own. Given back when it ends.
class SequencePages {
 public:
  /// `cache` may be null: then all are its own.
  SequencePages(KvPool& pool, PrefixCache* cache) : pool_(pool), cache_(cache) {}
  ~SequencePages() { clear(); }
  SequencePages(const SequencePages&) = delete;
  SequencePages& operator=(const SequencePages&) = delete;

  std::span<const std::int32_t> pages() const { return pages_; }
  /// The last shared page, or null.
  PrefixCache::Node* last_shared() const { return last_; }
  bool cached() const { return cache_ != nullptr; }
  std::int64_t page_tokens() const { return pool_.page_tokens(); }
  /// Tokens in the pages that are shared.
  std::int64_t shared_tokens() const { return shared_ * pool_.page_tokens(); }
  /// What the cache has of the tokens [tokens] of the whole sequence beyond the shared pages.
  PrefixCache::Match match(std::span<const Digest> tokens) const;

  /// So that so many tokens take no new memory in here.
  void expect(std::int64_t tokens) { pages_.reserve(tokens / pool_.page_tokens() + 2); }
  /// Makes room for `tokens` tokens in all; false when the pool has no page left.
  bool reserve(std::int64_t tokens);
  /// Takes the pages of a match in place of its own, and copies the first tokens of one that it
  /// cannot share. Returns how many tokens of the match it has now: all, or without those copied
  /// when no page is left for them.
  std::int64_t adopt(const PrefixCache::Match& match, compute::Device& device);
  /// Shares the pages that the first `computed` of `tokens` fill.
  void share(std::span<const Digest> tokens, std::int64_t computed);
  /// The same, and lets others copy what is computed of the last page, which goes on to be this
  /// sequence's. Returns the node of the last page, or null when the cache had as much already.
  PrefixCache::Node* share_tail(std::span<const Digest> tokens, std::int64_t computed);
  /// Gives all pages back.
  void clear();

 private:
  KvPool& pool_;
  PrefixCache* cache_;
  std::vector<std::int32_t> pages_;
  std::int64_t shared_ = 0;  // of pages_
  PrefixCache::Node* last_ = nullptr;
};

}  // namespace saccade::engine
