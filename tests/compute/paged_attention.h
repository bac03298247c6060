// Attention of one sequence's tokens through pages, and what it has to be.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "op_testing.h"

namespace saccade::compute {

/// SequenceSpan::end_keys and first_keys of all tokens of a sequence; either may be empty.
struct Keys {
  std::vector<std::int64_t> ends = {};
  std::vector<std::int64_t> firsts = {};
};

/// Feeds `tokens` tokens of one sequence through a paged cache in the given chunks, beside a
/// neighbour sequence when asked, and returns the attention output of all tokens.
inline Matrix paged(Device& device, const AttentionShape& shape, const Matrix& q, const Matrix& k,
                    const Matrix& v, const std::vector<std::int64_t>& chunks, bool neighbour,
                    const Keys& keys = {}, KvPrecision precision = KvPrecision::kDefault) {
  KvLayout layout{2, shape.num_kv_heads, shape.head_dim};
  layout.precision = precision;
  const auto cache = device.make_kv_cache(layout, 16);
  const std::vector<std::int32_t> pages = {5, 0, 11, 3};
  const std::vector<std::int32_t> other_pages = {1, 2, 4, 6};
  const std::int64_t width = static_cast<std::int64_t>(shape.num_heads) * shape.head_dim;
  const std::int64_t kv_width = static_cast<std::int64_t>(shape.num_kv_heads) * shape.head_dim;
  const auto part = [&](const Matrix& all, std::int64_t columns, std::int64_t begin,
                        std::int64_t count) {
    Matrix rows(all.begin() + begin * columns, all.begin() + (begin + count) * columns);
    if (neighbour) rows.insert(rows.end(), all.begin(), all.begin() + columns);  // one row more
    return upload(device, rows, {count + (neighbour ? 1 : 0), columns});
  };
  Matrix result;
  std::int64_t start = 0;
  for (const std::int64_t count : chunks) {
    std::vector<SequenceSpan> spans = {{0, count, start, pages}};
    if (!keys.ends.empty()) spans[0].end_keys = std::span(keys.ends).subspan(start, count);
    if (!keys.firsts.empty()) spans[0].first_keys = std::span(keys.firsts).subspan(start, count);
    if (neighbour) spans.push_back({count, 1, start % 7, other_pages});
    const auto table = span_table(device, spans);
    device.write_kv(*cache, 1, part(k, kv_width, start, count), part(v, kv_width, start, count),
                    *table);
    const Tensor out = device.empty(DType::kF32, {count + (neighbour ? 1 : 0), width});
    device.attention_paged(out, part(q, width, start, count), *cache, 1, shape, *table);
    const Matrix rows = download(device, out);
    result.insert(result.end(), rows.begin(), rows.begin() + count * width);
    start += count;
  }
  return result;
}

}  // namespace saccade::compute
