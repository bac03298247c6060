// Attention on the CPU: cuts the work into row blocks and hands them to the attention kernel.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/paged_kv.h"

namespace saccade::compute::cpu {
namespace {

void check_head_dim(int head_dim) {
  if (head_dim > kMaxHeadDim) {
    fail("attention heads of size {}: the CPU kernels take at most {}", head_dim, kMaxHeadDim);
  }
}

/// Asks for a head's part of a row that is soon to be read. Rows lie whole pages apart, where no
/// hardware looks ahead.
void prefetch_row(const float* from, int head_dim) {
  constexpr int kLineFloats = 16;
  for (int i = 0; i < head_dim; i += kLineFloats) __builtin_prefetch(from + i);
}

/// How many rows ahead: about the time that a line takes to come.
constexpr std::int64_t kRowsAhead = 4;

/// Keys and values of a head that no cache holds as long as rows come to them again and again.
constexpr std::int64_t kFarBytes = std::int64_t{4} << 20;

/// Stores a token's key and value [head_dim] as number `slot` of a block.
void store_token(const Kernels& kernels, const KvBlockLayout& layout, std::byte* block,
                 std::int64_t slot, const float* key, const float* value) {
  if (layout.codes != KvCodes::kFloat) {
    kernels.store_rounded_token(layout, block, static_cast<int>(slot), key, value);
    return;
  }
  auto* keys = reinterpret_cast<float*>(block);
  for (int d = 0; d < layout.head_dim; ++d) keys[d * kKeyBlock + slot] = key[d];
  float* to = reinterpret_cast<float*>(block + layout.values_offset()) + slot * layout.width();
  std::memcpy(to, value, layout.head_dim * sizeof(float));
  std::fill(to + layout.head_dim, to + layout.width(), 0.0f);
}

}  // namespace

/// How queries and keys are turned on their way into attention.
class CpuDevice::HeadRotary {
 public:
  /// They stay.
  HeadRotary() = default;
  /// By angles [rows, at most head_dim / 2], as Device::rotary does.
  HeadRotary(const Kernels& kernels, const Tensor& cos, const Tensor& sin)
      : kernels_(&kernels), cos_(&cos), sin_(&sin) {}

  /// A head [head_dim] of a row, turned: where it lies if it stays, else `buffer`.
  const float* operator()(float* buffer, const float* head, int head_dim, std::int64_t row) const {
    if (!kernels_) return head;
    std::memcpy(buffer, head, head_dim * sizeof(float));
    kernels_->rotate(buffer, cos_->row(row), sin_->row(row), cos_->size(1));
    return buffer;
  }

 private:
  const Kernels* kernels_ = nullptr;
  const Tensor* cos_ = nullptr;
  const Tensor* sin_ = nullptr;
};

void CpuDevice::do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionShape& shape,
                                      std::span<const std::int64_t> ends) {
  attend_segments(out, q, k, v, HeadRotary(), shape, ends);
}

// A pass of its own over queries and keys would read and write all of them once more.
void CpuDevice::do_rotary_attention_segments(const Tensor& out, const Tensor& qkv,
                                             const Tensor& cos, const Tensor& sin,
                                             const AttentionShape& shape,
                                             std::span<const std::int64_t> ends) {
  const std::int64_t query = shape.query_size();
  const std::int64_t key = shape.key_size();
  attend_segments(out, qkv.view_columns(0, query), qkv.view_columns(query, key),
                  qkv.view_columns(query + key, key), HeadRotary(kernels_, cos, sin), shape, ends);
}

void CpuDevice::attend_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                const Tensor& v, const HeadRotary& turned,
                                const AttentionShape& shape, std::span<const std::int64_t> ends) {
  check_head_dim(shape.head_dim);
  const int head_dim = shape.head_dim;
  const int group = shape.num_heads / shape.num_kv_heads;
  const KvBlockLayout layout{head_dim, kv_codes(KvPrecision::kDefault)};
  // Keys and values of every segment and head, rearranged into blocks; then the rows in blocks.
  const auto begin_of = [&](std::int64_t s) { return s == 0 ? 0 : ends[s - 1]; };
  const auto segments = static_cast<std::int64_t>(ends.size());
  std::vector<std::int64_t> first_block(segments + 1, 0);
  row_blocks_.clear();
  for (std::int64_t s = 0; s < segments; ++s) {
    const std::int64_t length = ends[s] - begin_of(s);
    first_block[s + 1] = first_block[s] + (length + kKeyBlock - 1) / kKeyBlock;
    for (std::int64_t t = 0; t < length; t += kMaxAttentionRows) {
      row_blocks_.push_back({s, t, std::min<std::int64_t>(kMaxAttentionRows, length - t)});
    }
  }
  static_assert(kMaxAttentionRows == kKeyBlock);  // so that row blocks are key blocks as well
  const std::int64_t total_blocks = first_block.back();
  auto* blocks = reinterpret_cast<std::byte*>(
      scratch(1, total_blocks * shape.num_kv_heads * layout.bytes() / std::int64_t{4}));
  const auto block_at = [&](std::int64_t block, int head) {
    return blocks + (head * total_blocks + block) * layout.bytes();
  };
  const auto row_blocks = static_cast<std::int64_t>(row_blocks_.size());
  threads_.parallel_for(row_blocks * shape.num_kv_heads, [&](std::int64_t item) {
    const RowBlock& rows = row_blocks_[item % row_blocks];
    const int head = static_cast<int>(item / row_blocks);
    std::byte* block = block_at(first_block[rows.group] + rows.begin / kKeyBlock, head);
    alignas(64) float key[kMaxHeadDim];
    for (std::int64_t t = 0; t < rows.count; ++t) {
      const std::int64_t row = begin_of(rows.group) + rows.begin + t;
      if (t + kRowsAhead < rows.count) {
        prefetch_row(k.row(row + kRowsAhead) + head * head_dim, head_dim);
        prefetch_row(v.row(row + kRowsAhead) + head * head_dim, head_dim);
      }
      store_token(kernels_, layout, block, t,
                  turned(key, k.row(row) + head * head_dim, head_dim, row),
                  v.row(row) + head * head_dim);
    }
  });
  threads_.parallel_for(row_blocks * shape.num_heads, [&](std::int64_t item) {
    const RowBlock& block = row_blocks_[item % row_blocks];
    const int head = static_cast<int>(item / row_blocks);
    const std::int64_t length = ends[block.group] - begin_of(block.group);
    AttentionRow queries[kMaxAttentionRows];
    alignas(64) float buffer[kMaxAttentionRows * kMaxHeadDim];
    const std::int64_t first_row = begin_of(block.group) + block.begin;
    for (std::int64_t r = 0; r < block.count; ++r) {
      prefetch_row(q.row(first_row + r) + head * head_dim, head_dim);
    }
    for (std::int64_t r = 0; r < block.count; ++r) {
      const std::int64_t row = first_row + r;
      queries[r] = {turned(buffer + r * head_dim, q.row(row) + head * head_dim, head_dim, row),
                    out.row(row) + head * head_dim, 0, length};
    }
    // The first rows find what was stored long before, others what the first have fetched.
    const std::int64_t key_blocks = first_block[block.group + 1] - first_block[block.group];
    const bool far = block.begin == 0 || key_blocks * layout.bytes() > kFarBytes;
    kernels_.attend({queries,
                     static_cast<int>(block.count),
                     {block_at(first_block[block.group], head / group), layout.bytes(), nullptr},
                     layout.codes,
                     far,
                     head_dim,
                     shape.scale,
                     shape.softcap});
  });
}

void CpuDevice::do_copy_page(KvCache& cache, std::int32_t from, std::int32_t to) {
  static_cast<PagedKv&>(cache).copy_page(from, to);
}

void CpuDevice::do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                            const SpanTable& table) {
  const auto& pages = static_cast<const PagedKv&>(cache);
  const std::span<const SequenceSpan> spans = table.spans();
  const auto& [num_kv_heads, head_dim] = cache.layout().layers[layer];
  const KvBlockLayout& block_layout = pages.block_layout(layer);
  // A work item is what a span writes to one page: its tokens lie in the same cache lines.
  row_blocks_.clear();
  for (std::size_t s = 0; s < spans.size(); ++s) {
    for (std::int64_t t = 0; t < spans[s].count;) {
      const std::int64_t room = kKeyBlock - (spans[s].start + t) % kKeyBlock;
      const std::int64_t count = std::min(room, spans[s].count - t);
      row_blocks_.push_back({static_cast<std::int64_t>(s), t, count});
      t += count;
    }
  }
  const auto row_blocks = static_cast<std::int64_t>(row_blocks_.size());
  const std::int64_t tokens = k.rows() / std::max<std::int64_t>(1, row_blocks);
  // Every element of a key has a cache line of its own: some sixteen times the work of others.
  const std::int64_t elements = 16 * 2 * head_dim * tokens;
  for_rows(row_blocks * num_kv_heads, elements, [&, head_dim = head_dim](std::int64_t item) {
    const RowBlock& rows = row_blocks_[item % row_blocks];
    const auto head = static_cast<int>(item / row_blocks);
    const SequenceSpan& span = spans[rows.group];
    const std::int64_t first = span.start + rows.begin;
    std::byte* block = pages.block(span.pages[first / kKeyBlock], layer, head);
    const std::int64_t column = static_cast<std::int64_t>(head) * head_dim;
    for (std::int64_t t = 0; t < rows.count; ++t) {
      const std::int64_t row = span.row + rows.begin + t;
      store_token(kernels_, block_layout, block, (first + t) % kKeyBlock, k.row(row) + column,
                  v.row(row) + column);
    }
  });
}

void CpuDevice::do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache,
                                   int layer, const AttentionShape& shape, const SpanTable& table) {
  check_head_dim(shape.head_dim);
  const std::span<const SequenceSpan> spans = table.spans();
  const auto& pages = static_cast<const PagedKv&>(cache);
  // The query heads that share a key-value head go through its keys together.
  const int group = shape.num_heads / shape.num_kv_heads;
  if (group > kMaxAttentionRows) {
    fail("{} query heads to a key-value head: the CPU kernels take at most {}", group,
         kMaxAttentionRows);
  }
  const std::int64_t tokens_per_block = kMaxAttentionRows / group;
  row_blocks_.clear();
  for (std::size_t s = 0; s < spans.size(); ++s) {
    for (std::int64_t t = 0; t < spans[s].count; t += tokens_per_block) {
      row_blocks_.push_back(
          {static_cast<std::int64_t>(s), t, std::min(tokens_per_block, spans[s].count - t)});
    }
  }
  const auto row_blocks = static_cast<std::int64_t>(row_blocks_.size());
  threads_.parallel_for(row_blocks * shape.num_kv_heads, [&](std::int64_t item) {
    // Later blocks see more keys: the longest work first.
    const RowBlock& block = row_blocks_[row_blocks - 1 - item / shape.num_kv_heads];
    const int kv_head = static_cast<int>(item % shape.num_kv_heads);
    const SequenceSpan& span = spans[block.group];
    AttentionRow queries[kMaxAttentionRows];
    int count = 0;
    for (std::int64_t t = block.begin; t < block.begin + block.count; ++t) {
      const KeyRange keys = span.keys_of(t, shape);
      for (int h = 0; h < group; ++h) {
        const std::int64_t column = static_cast<std::int64_t>(kv_head * group + h) * shape.head_dim;
        queries[count++] = {q.row(span.row + t) + column, out.row(span.row + t) + column,
                            keys.begin, keys.end};
      }
    }
    // The last rows come first, and fetch what all others look at.
    const KvBlockLayout& layout = pages.block_layout(layer);
    const std::int64_t key_blocks = (span.start + block.begin) / kKeyBlock + 1;
    const bool far =
        block.begin + block.count == span.count || key_blocks * layout.bytes() > kFarBytes;
    kernels_.attend({queries, count, pages.blocks(layer, kv_head, span.pages.data()), layout.codes,
                     far, shape.head_dim, shape.scale, shape.softcap});
  });
}

}  // namespace saccade::compute::cpu
