// A ragged batch over pages, as hosts hand it to kernels.
#pragma once

#include "kernel_testing.h"

namespace saccade::compute::gpu {

struct PagedBatch {
  static constexpr std::int64_t kPage = saccade::gpu::kPageTokens;

  std::vector<saccade::gpu::DeviceSpan> spans;
  std::vector<i32> page_ids;
  std::vector<i32> row_spans;
  std::int64_t num_pages = 0;

  /// Adds a span of `count` tokens from `start` on; `padding` rows that belong to none follow.
  void add(i32 start, i32 count, const std::vector<i32>& pages, int padding = 0) {
    const auto row = static_cast<i32>(row_spans.size());
    spans.push_back({row, count, start, static_cast<i32>(page_ids.size())});
    page_ids.insert(page_ids.end(), pages.begin(), pages.end());
    row_spans.insert(row_spans.end(), count, static_cast<i32>(spans.size()) - 1);
    row_spans.insert(row_spans.end(), padding, -1);
    for (const i32 page : pages) num_pages = std::max<std::int64_t>(num_pages, page + 1);
  }

  /// Three sequences, one across a page's end, and padding.
  static PagedBatch ragged() {
    PagedBatch batch;
    batch.add(60, 9, {3, 0}, 1);
    batch.add(0, 1, {5});
    batch.add(130, 3, {2, 6, 1}, 2);
    return batch;
  }

  saccade::gpu::BatchView view() const { return {spans.data(), page_ids.data(), row_spans.data()}; }

  /// Where token `index` of span `span` lies for a head.
  std::int64_t token_offset(std::int64_t span, std::int64_t index, std::int64_t head,
                            std::int64_t kv_heads, std::int64_t head_dim) const {
    const std::int64_t page = page_ids[spans[span].first_page + index / kPage];
    return ((page * kv_heads + head) * kPage + index % kPage) * head_dim;
  }
  std::int64_t key_offset(std::int64_t row, std::int64_t head, std::int64_t kv_heads,
                          std::int64_t head_dim) const {
    const saccade::gpu::DeviceSpan& span = spans[row_spans[row]];
    return token_offset(row_spans[row], span.start + row - span.row, head, kv_heads, head_dim);
  }

  /// Pages of NaNs.
  template <typename T>
  std::vector<T> empty_pages(std::int64_t kv_heads, std::int64_t head_dim) const {
    return std::vector<T>(static_cast<std::size_t>(num_pages * kv_heads * kPage * head_dim),
                          stored<T>(std::numeric_limits<float>::quiet_NaN()));
  }
};

}  // namespace saccade::compute::gpu
