// Attention on the CPU: cuts the work into row blocks and hands them to the attention kernel.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/paged_kv.h"

namespace saccade::compute::cpu {
namespace {

/// A stretch of query rows of one segment or span.
struct RowBlock {
  std::int64_t group;  // which segment or span
  std::int64_t begin;  // first token in it
  std::int64_t count;
};

/// Scratch of one call of the attention kernel, on the worker's own stack: no allocation in a step.
using KernelScratch = std::array<float, attention_scratch_floats(kMaxHeadDim)>;

void check_head_dim(int head_dim) {
  if (head_dim > kMaxHeadDim) {
    fail("attention heads of size {}: the CPU kernels take at most {}", head_dim, kMaxHeadDim);
  }
}

/// Stores a token's keys and values of one head into column / row `slot` of a block.
void store_token(float* keys, float* values, const float* k, const float* v, int head_dim,
                 std::int64_t slot) {
  for (int d = 0; d < head_dim; ++d) keys[d * kKeyBlock + slot] = k[d];
  float* value = values + slot * padded(head_dim);
  std::memcpy(value, v, head_dim * sizeof(float));
  std::fill(value + head_dim, value + padded(head_dim), 0.0f);
}

}  // namespace

void CpuDevice::do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionShape& shape,
                                      std::span<const std::int64_t> ends) {
  check_head_dim(shape.head_dim);
  const int head_dim = shape.head_dim;
  const int group = shape.num_heads / shape.num_kv_heads;
  const std::int64_t block_floats =
      static_cast<std::int64_t>(kKeyBlock) * (head_dim + padded(head_dim));
  // Keys and values of every segment and head, rearranged into blocks; then the rows in blocks.
  std::vector<std::int64_t> first_block(ends.size() + 1, 0);
  std::vector<RowBlock> rows;
  const auto begin_of = [&](std::int64_t s) { return s == 0 ? 0 : ends[s - 1]; };
  for (std::size_t s = 0; s < ends.size(); ++s) {
    const std::int64_t length = ends[s] - begin_of(s);
    first_block[s + 1] = first_block[s] + (length + kKeyBlock - 1) / kKeyBlock;
    for (std::int64_t t = 0; t < length; t += kMaxAttentionRows) {
      rows.push_back(
          {static_cast<std::int64_t>(s), t, std::min<std::int64_t>(kMaxAttentionRows, length - t)});
    }
  }
  const std::int64_t total_blocks = first_block.back();
  float* blocks = scratch(1, total_blocks * shape.num_kv_heads * block_floats);
  const auto block_at = [&](std::int64_t block, int head) {
    return blocks + (head * total_blocks + block) * block_floats;
  };
  const auto segments = static_cast<std::int64_t>(ends.size());
  threads_.parallel_for(segments * shape.num_kv_heads, [&](std::int64_t item) {
    const std::int64_t s = item / shape.num_kv_heads;
    const int head = static_cast<int>(item % shape.num_kv_heads);
    for (std::int64_t t = 0; t < ends[s] - begin_of(s); ++t) {
      float* keys = block_at(first_block[s] + t / kKeyBlock, head);
      const std::int64_t row = begin_of(s) + t;
      store_token(keys, keys + head_dim * kKeyBlock, k.row(row) + head * head_dim,
                  v.row(row) + head * head_dim, head_dim, t % kKeyBlock);
    }
  });
  const auto row_blocks = static_cast<std::int64_t>(rows.size());
  threads_.parallel_for(row_blocks * shape.num_heads, [&](std::int64_t item) {
    const RowBlock& block = rows[item % row_blocks];
    const int head = static_cast<int>(item / row_blocks);
    const std::int64_t length = ends[block.group] - begin_of(block.group);
    std::vector<const float*> keys;
    std::vector<const float*> values;
    for (std::int64_t b = first_block[block.group]; b < first_block[block.group + 1]; ++b) {
      keys.push_back(block_at(b, head / group));
      values.push_back(keys.back() + head_dim * kKeyBlock);
    }
    AttentionRow queries[kMaxAttentionRows];
    for (std::int64_t r = 0; r < block.count; ++r) {
      const std::int64_t row = begin_of(block.group) + block.begin + r;
      queries[r] = {q.row(row) + head * head_dim, out.row(row) + head * head_dim, 0, length};
    }
    KernelScratch kernel_scratch;
    kernels_.attend({queries, static_cast<int>(block.count), keys.data(), values.data(), head_dim,
                     shape.scale, shape.softcap, kernel_scratch.data()});
  });
}

void CpuDevice::do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                            const SpanTable& table) {
  const auto& pages = static_cast<const PagedKv&>(cache);
  const std::span<const SequenceSpan> spans = table.spans();
  const KvLayout& layout = cache.layout();
  threads_.parallel_for(layout.num_kv_heads, [&](std::int64_t head) {
    for (const SequenceSpan& span : spans) {
      for (std::int64_t t = 0; t < span.count; ++t) {
        const std::int64_t index = span.start + t;
        const std::int32_t page = span.pages[index / kKeyBlock];
        const std::int64_t column = head * layout.head_dim;
        store_token(pages.keys(page, layer, static_cast<int>(head)),
                    pages.values(page, layer, static_cast<int>(head)), k.row(span.row + t) + column,
                    v.row(span.row + t) + column, layout.head_dim, index % kKeyBlock);
      }
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
  // Kept from call to call, like the pages below: a step of decoding takes no new memory.
  static thread_local std::vector<RowBlock> kept_rows;
  std::vector<RowBlock>& rows = kept_rows;  // the workers read the caller's
  rows.clear();
  for (std::size_t s = 0; s < spans.size(); ++s) {
    for (std::int64_t t = 0; t < spans[s].count; t += tokens_per_block) {
      rows.push_back(
          {static_cast<std::int64_t>(s), t, std::min(tokens_per_block, spans[s].count - t)});
    }
  }
  const auto row_blocks = static_cast<std::int64_t>(rows.size());
  threads_.parallel_for(row_blocks * shape.num_kv_heads, [&](std::int64_t item) {
    // Later blocks see more keys: the longest work first.
    const RowBlock& block = rows[row_blocks - 1 - item / shape.num_kv_heads];
    const int kv_head = static_cast<int>(item % shape.num_kv_heads);
    const SequenceSpan& span = spans[block.group];
    AttentionRow queries[kMaxAttentionRows];
    int count = 0;
    for (std::int64_t t = block.begin; t < block.begin + block.count; ++t) {
      const std::int64_t own_end = span.start + t + 1;
      // A window reaches back from the token itself, however far ahead the token sees.
      const std::int64_t first =
          shape.window > 0 ? std::max<std::int64_t>(0, own_end - shape.window) : 0;
      const std::int64_t end = span.end_keys.empty() ? own_end : span.end_keys[t];
      for (int h = 0; h < group; ++h) {
        const std::int64_t column = static_cast<std::int64_t>(kv_head * group + h) * shape.head_dim;
        queries[count++] = {q.row(span.row + t) + column, out.row(span.row + t) + column, first,
                            end};
      }
    }
    static thread_local std::vector<const float*> keys;
    static thread_local std::vector<const float*> values;
    keys.clear();
    values.clear();
    keys.reserve(pages.num_pages());
    values.reserve(pages.num_pages());
    for (const std::int32_t page : span.pages) {
      keys.push_back(pages.keys(page, layer, kv_head));
      values.push_back(pages.values(page, layer, kv_head));
    }
    KernelScratch kernel_scratch;
    kernels_.attend({queries, count, keys.data(), values.data(), shape.head_dim, shape.scale,
                     shape.softcap, kernel_scratch.data()});
  });
}

}  // namespace saccade::compute::cpu
