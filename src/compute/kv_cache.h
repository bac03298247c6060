// Memory for keys and values, in pages that sequences map through page tables.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

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

/// Consecutive tokens of one sequence in a ragged batch.
struct SequenceSpan {
  std::int64_t row = 0;    ///< of the span's first token in the batch
  std::int64_t count = 0;  ///< tokens in the span
  std::int64_t start = 0;  ///< index of the span's first token in its sequence
  /// Page i holds tokens [i * page_tokens, (i + 1) * page_tokens) of the sequence; long enough for
  /// start + count tokens.
  std::span<const std::int32_t> pages;
  /// For each token one past the last key that it sees, which may lie after it inside the span
  /// (tokens of one picture that see each other); empty: each sees itself and what came before.
  std::span<const std::int64_t> end_keys = {};
};

}  // namespace saccade::compute
