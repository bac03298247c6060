// Memory for keys and values, in pages that sequences map through page tables.
#pragma once

#include <cstdint>

namespace saccade::compute {

/// What a decoder needs of its key-value memory.
struct KvLayout {
  int num_layers = 0;
  int num_kv_heads = 0;
  int head_dim = 0;

  bool operator==(const KvLayout&) const = default;
};

/// Pages of key-value memory for all layers. Made by Device::make_kv_cache; the arrangement inside
/// a page belongs to the device.
class KvCache {
 public:
  virtual ~KvCache() = default;
  const KvLayout& layout() const { return layout_; }
  int page_tokens() const { return page_tokens_; }
  int num_pages() const { return num_pages_; }

 protected:
  KvCache(KvLayout layout, int page_tokens, int num_pages)
      : layout_(layout), page_tokens_(page_tokens), num_pages_(num_pages) {}

 private:
  KvLayout layout_;
  int page_tokens_;
  int num_pages_;
};

}  // namespace saccade::compute
