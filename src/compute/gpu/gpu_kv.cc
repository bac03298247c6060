#include "compute/gpu/gpu_kv.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "compute/gpu/gpu_device.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::DeviceSpan;
using saccade::gpu::kMaxHeadDim;
using saccade::gpu::kPageTokens;

constexpr std::int64_t kSpanWords = sizeof(DeviceSpan) / sizeof(std::int32_t);

}  // namespace

GpuKvCache::GpuKvCache(GpuDevice& device, const KvLayout& layout, int num_pages)
    : KvCache(layout, kPageTokens, num_pages), dtype_(device.activation_dtype()) {
  std::int64_t total = 0;
  for (const auto& [num_kv_heads, head_dim] : layout.layers) {
    if (head_dim > static_cast<int>(kMaxHeadDim)) {
      fail("attention heads of size {}: the GPU kernels take at most {}", head_dim, kMaxHeadDim);
    }
    const std::int64_t bytes = std::int64_t{num_pages} * kPageTokens * num_kv_heads * head_dim *
                               static_cast<std::int64_t>(dtype_bytes(dtype_));
    layers_.push_back({total, bytes});
    total += 2 * bytes;
  }
  memory_ = device.take_lasting_memory(total);
}

std::vector<Tensor> GpuKvCache::page_rows() const {
  std::vector<Tensor> rows;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const std::int64_t words =
        layers_[layer].bytes / num_pages() / static_cast<std::int64_t>(sizeof(float));
    if (words == 0) continue;
    for (void* data : {keys(static_cast<int>(layer)), values(static_cast<int>(layer))}) {
      rows.emplace_back(memory_, data, DType::kF32, Shape{num_pages(), words});
    }
  }
  return rows;
}

GpuSpanTable::GpuSpanTable(GpuDevice& device, std::int64_t spans, std::int64_t pages)
    : device_(device), span_room_(0), page_room_(0) {
  // Recorded steps have a row for each span.
  reserve(spans, spans, pages);
}

void GpuSpanTable::reserve(std::int64_t spans, std::int64_t rows, std::int64_t pages) {
  if (memory_ && spans <= span_room_ && rows <= row_room_ && pages <= page_room_) return;
  span_room_ = std::max(spans, span_room_);
  row_room_ = std::max(rows, row_room_);
  page_room_ = std::max(pages, page_room_);
  state_slots_at_ = span_room_ * kSpanWords;
  row_spans_at_ = state_slots_at_ + span_room_;
  end_keys_at_ = row_spans_at_ + row_room_;
  first_keys_at_ = end_keys_at_ + row_room_;
  pages_at_ = first_keys_at_ + row_room_;
  memory_ = device_.take_memory((pages_at_ + page_room_) *
                                static_cast<std::int64_t>(sizeof(std::int32_t)));
}

void GpuSpanTable::assign(std::span<const SequenceSpan> spans) {
  SpanTable::assign(spans);
  std::int64_t pages = 0;
  has_end_keys_ = has_first_keys_ = false;
  max_count_ = 0;
  min_count_ = spans.empty() ? 0 : spans[0].count;
  for (const SequenceSpan& span : spans) {
    pages += static_cast<std::int64_t>(span.pages.size());
    has_end_keys_ = has_end_keys_ || !span.end_keys.empty();
    has_first_keys_ = has_first_keys_ || !span.first_keys.empty();
    max_count_ = std::max(max_count_, span.count);
    min_count_ = std::min(min_count_, span.count);
  }
  reserve(num_spans(), rows(), pages);
  words_.assign(pages_at_ + pages, 0);
  // Rows beyond the spans do nothing.
  std::fill_n(words_.begin() + row_spans_at_, row_room_, -1);
  std::int64_t page = 0;
  for (std::int64_t s = 0; s < num_spans(); ++s) {
    const SequenceSpan& span = spans[s];
    const DeviceSpan on_device{
        static_cast<std::int32_t>(span.row), static_cast<std::int32_t>(span.count),
        static_cast<std::int32_t>(span.start), static_cast<std::int32_t>(page)};
    std::memcpy(&words_[s * kSpanWords], &on_device, sizeof on_device);
    words_[state_slots_at_ + s] = span.state_slot;
    for (std::int64_t i = 0; i < span.count; ++i) {
      words_[row_spans_at_ + span.row + i] = static_cast<std::int32_t>(s);
      words_[end_keys_at_ + span.row + i] =
          static_cast<std::int32_t>(span.end_keys.empty() ? span.start + i + 1 : span.end_keys[i]);
      words_[first_keys_at_ + span.row + i] =
          static_cast<std::int32_t>(span.first_keys.empty() ? -1 : span.first_keys[i]);
    }
    std::copy(span.pages.begin(), span.pages.end(), words_.begin() + pages_at_ + page);
    page += static_cast<std::int64_t>(span.pages.size());
  }
  // Spans of a recorded step that has fewer sequences than rows: those left over are empty.
  device_.copy_in(memory_.get(), words_.data(),
                  static_cast<std::int64_t>(words_.size() * sizeof(std::int32_t)));
}

saccade::gpu::BatchView GpuSpanTable::view() const {
  return {reinterpret_cast<const DeviceSpan*>(memory_.get()), at(pages_at_), at(row_spans_at_)};
}

}  // namespace saccade::compute::gpu
