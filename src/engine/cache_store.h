// Between the caches in memory and the disk.
#pragma once

#include <cstdint>
#include <span>

#include "engine/disk_tier.h"
#include "engine/picture.h"
#include "engine/prefix_cache.h"
#include "engine/stored_prefix.h"
#include "engine/vision_cache.h"
#include "models/processor.h"

namespace saccade::engine {

/// Lets the disk have what the caches take in: pages once they are full, states, pictures. What is
/// there of a request is read where requests are prepared, beside the model, and put into the
/// caches on the engine's thread.
class CacheStore : public PrefixCache::Observer, public VisionCache::Observer {
 public:
  /// `prefixes` may be null; `states` where the model has none. All outlive this.
  CacheStore(DiskTier& tier, compute::Device& device, KvPool& pool, StatePool* states,
             PrefixCache* prefixes, VisionCache& pictures);
  ~CacheStore() override;

  /// Reads what the caches in memory lack of a prompt: its pages, and its pictures' embeddings as
  /// far as the pages do not cover their tokens. `contents`: token_contents of the prompt. On any
  /// thread.
  StoredPrefix fetch(const models::Prompt& prompt, std::span<const Digest> contents,
                     std::span<const std::shared_ptr<Picture>> pictures);
  /// The same of one picture's embeddings.
  void fetch(Picture& picture);
  /// Puts pages into the prefix cache, as many as there is room for.
  void restore(StoredPrefix prefix);

  void on_page(const PrefixCache::Node& node) override;
  void on_state(const PrefixCache::Node& node) override;
  void on_page_dropped(const PrefixCache::Node& node) override;
  void on_state_dropped(const PrefixCache::Node& node) override;
  void on_picture(const Digest& digest, const Tensor& embeddings) override;
  void on_picture_dropped(const Digest& digest) override;

 private:
  bool found(Stored kind, const Digest& key) const;
  StoredPrefix fetch_pages(std::span<const Digest> contents, std::int64_t& covered);
  bool is_full(const PrefixCache::Node& node) const;
  PrefixCache::Node* restore_page(PrefixCache::Node* after, const StoredPrefix::Page& page);
  void restore_state(PrefixCache::Node* node, std::span<const std::byte> bytes);
  Tensor state_rows(int slot) const;

  DiskTier& tier_;
  compute::Device& device_;
  KvPool& pool_;
  StatePool* states_;
  PrefixCache* prefixes_;
  VisionCache& pictures_;
  std::int64_t page_bytes_ = 0;
};

}  // namespace saccade::engine
