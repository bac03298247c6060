// Key-value pages and span tables in a GPU's memory.
#pragma once

#include <memory>
#include <vector>

#include "compute/gpu/kernel_table.h"
#include "compute/kv_cache.h"
#include "compute/span_table.h"
#include "tensor/tensor.h"

namespace saccade::compute::gpu {

class GpuDevice;

/// Pages of keys and values, each layer's together: page p of a layer holds
/// [num_kv_heads][kPageTokens][head_dim] of keys, and the same of values.
class GpuKvCache : public KvCache {
 public:
  GpuKvCache(GpuDevice& device, const KvLayout& layout, int num_pages);

  DType dtype() const { return dtype_; }
  void* keys(int layer) const {
    return static_cast<std::byte*>(memory_.get()) + layers_[layer].offset;
  }
  void* values(int layer) const {
    return static_cast<std::byte*>(keys(layer)) + layers_[layer].bytes;
  }
  /// The same memory as 32-bit words, a row for each page: keys of all layers that store any, and
  /// values.
  std::vector<Tensor> page_rows() const override;

 private:
  struct Layer {
    std::int64_t offset;  // of its keys
    std::int64_t bytes;   // of its keys
  };
  DType dtype_;
  std::vector<Layer> layers_;
  std::shared_ptr<void> memory_;
};

/// The spans of a batch in device memory. As long as they fit into what was reserved they stay at
/// the same place, so that a recording finds those of its next run there.
class GpuSpanTable : public SpanTable {
 public:
  GpuSpanTable(GpuDevice& device, std::int64_t spans, std::int64_t pages);

  void assign(std::span<const SequenceSpan> spans) override;

  /// What kernels take; null pointers where there are no rows.
  saccade::gpu::BatchView view() const;
  /// int32 [rows], or null where every row sees up to itself.
  const std::int32_t* end_keys() const { return has_end_keys_ ? at(end_keys_at_) : nullptr; }
  /// int32 [span_room]: where each span's recurrent state lies.
  const std::int32_t* state_slots() const { return at(state_slots_at_); }
  /// int32 [rows], -1 where a window alone says where a row's keys begin, or null where it does for
  /// all.
  const std::int32_t* first_keys() const { return has_first_keys_ ? at(first_keys_at_) : nullptr; }
  std::int64_t num_spans() const { return static_cast<std::int64_t>(spans().size()); }
  /// Spans in device memory; those that were not assigned are empty.
  std::int64_t span_room() const { return span_room_; }
  /// Rows that the map from rows to spans has.
  std::int64_t row_room() const { return row_room_; }
  /// The longest and the shortest span.
  std::int64_t max_count() const { return max_count_; }
  std::int64_t min_count() const { return min_count_; }

 private:
  std::int32_t* at(std::int64_t word) const {
    return static_cast<std::int32_t*>(memory_.get()) + word;
  }
  void reserve(std::int64_t spans, std::int64_t rows, std::int64_t pages);

  GpuDevice& device_;
  std::shared_ptr<void> memory_;
  std::int64_t span_room_, row_room_ = 0, page_room_;
  // Where the parts begin, in words: spans, the state slot of each, the span of each row, the end
  // key of each row, its first key, pages.
  std::int64_t state_slots_at_ = 0, row_spans_at_ = 0, end_keys_at_ = 0, first_keys_at_ = 0,
               pages_at_ = 0;
  bool has_end_keys_ = false, has_first_keys_ = false;
  std::int64_t max_count_ = 0, min_count_ = 0;
  std::vector<std::int32_t> words_;  // what is uploaded
};

}  // namespace saccade::compute::gpu
