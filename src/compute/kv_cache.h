// Memory for keys and values, in pages that sequences map through page tables.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace saccade::compute {

/// What one layer stores of a token.
struct KvHeads {
  int num_kv_heads = 0;
  int head_dim = 0;

  bool operator==(const KvHeads&) const = default;
};

/// Of how many bits keys and values are.
enum class KvPrecision {
  kDefault,  ///< the device's: that of its activations or as good for all purposes
  kInt8,     ///< rounded to 8 bits, on devices that have them (Device::has_int8_kv)
};

/// What a decoder needs of its key-value memory: the heads of every layer that stores any.
struct KvLayout {
  KvLayout() = default;
  /// Layers that are all alike.
  KvLayout(int num_layers, int num_kv_heads, int head_dim)
      : layers(num_layers, {num_kv_heads, head_dim}) {}
  explicit KvLayout(std::vector<KvHeads> heads) : layers(std::move(heads)) {}

  std::vector<KvHeads> layers;
  KvPrecision precision = KvPrecision::kDefault;

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
  /// All that the pages hold, as tensors with a dense row for each page: what copies of pages are
  /// made of, in this device's arrangement.
  virtual std::vector<Tensor> page_rows() const = 0;

 protected:
  KvCache(KvLayout layout, int page_tokens, int num_pages)
      : layout_(std::move(layout)), page_tokens_(page_tokens), num_pages_(num_pages) {}

 private:
  KvLayout layout_;
  int page_tokens_;
  int num_pages_;
};

}  // namespace saccade::compute
