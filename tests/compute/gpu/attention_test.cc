// The SIMT attention kernels against the plain reference, and against themselves however a prompt
// is cut.
#include <numeric>

#include "kernel_testing.h"
#include "paged_batch.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::attention_shared_bytes;
using saccade::gpu::AttentionParams;

struct Shape {
  int heads, kv_heads, head_dim;
};
const std::vector<Shape> kShapes = {{4, 2, 64},  {3, 1, 20},  {2, 2, 5},
                                    {7, 1, 128}, {2, 1, 256}, {1, 1, 512}};
constexpr u32 kThreads = 64;

/// One sequence in pages, with NaNs behind its last token.
template <typename T>
struct Sequence {
  std::vector<T> keys, values;
  Matrix k, v;  // [tokens, kv_heads * head_dim], as stored
};

const std::vector<i32> kPages = {3, 0, 4, 1};

template <typename T>
Sequence<T> make_sequence(const Shape& shape, std::int64_t tokens) {
  const std::int64_t width = static_cast<std::int64_t>(shape.kv_heads) * shape.head_dim;
  PagedBatch batch;
  batch.add(0, 1, kPages);
  Sequence<T> sequence;
  sequence.k = rounded<T>(random_matrix(tokens * width, 2));
  sequence.v = rounded<T>(random_matrix(tokens * width, 3));
  sequence.keys = batch.empty_pages<T>(shape.kv_heads, shape.head_dim);
  sequence.values = sequence.keys;
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (int h = 0; h < shape.kv_heads; ++h) {
      const std::int64_t at = batch.token_offset(0, t, h, shape.kv_heads, shape.head_dim);
      for (int d = 0; d < shape.head_dim; ++d) {
        const std::int64_t from = t * width + h * shape.head_dim + d;
        sequence.keys[at + d] = stored<T>(sequence.k[from]);
        sequence.values[at + d] = stored<T>(sequence.v[from]);
      }
    }
  }
  return sequence;
}

AttentionParams params_of(const Shape& shape, int window, float softcap) {
  return {static_cast<u32>(shape.heads),
          static_cast<u32>(shape.kv_heads),
          static_cast<u32>(shape.head_dim),
          0.25f,
          softcap,
          window};
}

/// Attention of rows [start, start + count) of `q`, a row of padding behind them.
template <Kernel kernel, typename X, typename T>
Matrix attend(HostExecutor& executor, const Sequence<T>& sequence, const Matrix& q,
              const AttentionParams& params, i32 start, i32 count,
              const std::vector<i32>& end_keys = {}, const std::vector<i32>& first_keys = {}) {
  PagedBatch batch;
  batch.add(start, count, kPages, 1);
  const std::int64_t width = static_cast<std::int64_t>(params.num_heads) * params.head_dim;
  Matrix part(q.begin() + start * width, q.begin() + (start + count) * width);
  part.resize(part.size() + width, 0.0f);
  const auto of_rows = [&](const std::vector<i32>& keys) {
    std::vector<i32> rows;
    if (!keys.empty()) rows.assign(&keys[start], &keys[start] + count);
    rows.push_back(0);
    return rows;
  };
  const std::vector<i32> ends = of_rows(end_keys);
  const std::vector<i32> firsts = of_rows(first_keys);
  const Rows<X> from(part, width, width + 3);
  Rows<X> out(count + 1, width, width + 8);
  executor.run<kernel>({.x = static_cast<u32>(count + 1),
                        .y = params.num_heads,
                        .threads = kThreads,
                        .shared_bytes = attention_shared_bytes(kThreads, params.head_dim)},
                       {.out = out.data(),
                        .q = from.data(),
                        .keys = sequence.keys.data(),
                        .values = sequence.values.data(),
                        .batch = batch.view(),
                        .end_keys = end_keys.empty() ? nullptr : ends.data(),
                        .first_keys = first_keys.empty() ? nullptr : firsts.data(),
                        .out_stride = out.stride(),
                        .q_stride = from.stride(),
                        .shape = params});
  Matrix rows = out.values();
  rows.resize(rows.size() - width);
  return rows;
}

template <typename T>
std::vector<double> reference_of(const Sequence<T>& sequence, const Matrix& q,
                                 const AttentionParams& p, std::int64_t tokens,
                                 const std::vector<i32>& end_keys = {},
                                 const std::vector<i32>& first_keys = {}) {
  std::vector<double> wanted;
  const std::int64_t width = static_cast<std::int64_t>(p.num_kv_heads) * p.head_dim;
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (u32 h = 0; h < p.num_heads; ++h) {
      const std::int64_t column = std::int64_t{h / (p.num_heads / p.num_kv_heads)} * p.head_dim;
      const bool said = !first_keys.empty() && first_keys[t] >= 0;
      const auto out = reference::attend(
          &q[(t * p.num_heads + h) * p.head_dim], static_cast<int>(p.head_dim), p.scale,
          said       ? first_keys[t]
          : p.window ? std::max<std::int64_t>(0, t + 1 - p.window)
                     : 0,
          end_keys.empty() ? t + 1 : end_keys[t],
          [&](std::int64_t i) { return &sequence.k[i * width + column]; },
          [&](std::int64_t i) { return &sequence.v[i * width + column]; }, p.softcap);
      wanted.insert(wanted.end(), out.begin(), out.end());
    }
  }
  return wanted;
}

template <Kernel kernel, typename X, typename T>
void check_paged(const Shape& shape) {
  constexpr i32 kTokens = 132;
  const Matrix q =
      rounded<X>(random_matrix(std::int64_t{kTokens} * shape.heads * shape.head_dim, 1));
  const Sequence<T> sequence = make_sequence<T>(shape, kTokens);
  for (const auto& [window, softcap] : {std::pair{0, 0.0f}, {70, 1.5f}}) {
    const AttentionParams params = params_of(shape, window, softcap);
    const Matrix whole = on_all_executors([&](HostExecutor& executor) {
      return attend<kernel, X, T>(executor, sequence, q, params, 0, kTokens);
    });
    expect_near(whole, reference_of(sequence, q, params, kTokens), tolerance_of<X>(), 8e-6);
    HostExecutor executor;
    Matrix chunked;
    i32 start = 0;
    for (const i32 count : {1, 63, 1, 66, 1}) {
      const Matrix part = attend<kernel, X, T>(executor, sequence, q, params, start, count);
      chunked.insert(chunked.end(), part.begin(), part.end());
      start += count;
    }
    EXPECT_EQ(chunked, whole);
  }
}

TEST(AttentionKernelTest, PagedMatchesReferenceHoweverItIsChunked) {
  for (const Shape& shape : kShapes) {
    check_paged<Kernel::attention_paged_f32_f32, float, float>(shape);
  }
  check_paged<Kernel::attention_paged_f32_f16, float, f16>(kShapes[0]);
  check_paged<Kernel::attention_paged_f16_f16, f16, f16>(kShapes[3]);
  check_paged<Kernel::attention_paged_f16_f16, f16, f16>(kShapes[1]);
}

TEST(AttentionKernelTest, TokensOfABlockSeeEachOther) {
  constexpr i32 kTokens = 150;
  const Shape& shape = kShapes[0];
  const Matrix q = random_matrix(std::int64_t{kTokens} * shape.heads * shape.head_dim, 1);
  const Sequence<float> sequence = make_sequence<float>(shape, kTokens);
  std::vector<i32> end_keys;
  for (i32 t = 0; t < kTokens; ++t) {
    end_keys.push_back(t >= 10 && t < 20 ? 20 : t >= 50 && t < 140 ? 140 : t + 1);
  }
  for (const int window : {0, 30}) {
    const AttentionParams params = params_of(shape, window, 0.0f);
    const Matrix found = on_all_executors([&](HostExecutor& executor) {
      return attend<Kernel::attention_paged_f32_f32, float, float>(executor, sequence, q, params, 0,
                                                                   kTokens, end_keys);
    });
    expect_near(found, reference_of(sequence, q, params, kTokens, end_keys), 2e-6, 8e-6);
  }
}

TEST(AttentionKernelTest, KeysBeginWhereRowsSay) {
  constexpr i32 kTokens = 132;
  const Shape& shape = kShapes[0];
  const Matrix q = random_matrix(std::int64_t{kTokens} * shape.heads * shape.head_dim, 1);
  const Sequence<float> sequence = make_sequence<float>(shape, kTokens);
  // Of a prefix, inside and at the borders of pages, at the row itself, and left to the window.
  std::vector<i32> first_keys, end_keys;
  for (i32 t = 0; t < kTokens; ++t) {
    first_keys.push_back(t < 66 ? 0 : t < 70 ? -1 : t < 100 ? 64 : t < 120 ? 70 : t);
    end_keys.push_back(t < 66 ? 66 : t == 70 ? 65 : t + 1);
  }
  for (const int window : {0, 30}) {
    const AttentionParams params = params_of(shape, window, 0.0f);
    const auto in_chunks = [&](HostExecutor& executor, const std::vector<i32>& chunks) {
      Matrix rows;
      i32 start = 0;
      for (const i32 count : chunks) {
        const Matrix part = attend<Kernel::attention_paged_f32_f32, float, float>(
            executor, sequence, q, params, start, count, end_keys, first_keys);
        rows.insert(rows.end(), part.begin(), part.end());
        start += count;
      }
      return rows;
    };
    const Matrix found =
        on_all_executors([&](HostExecutor& executor) { return in_chunks(executor, {kTokens}); });
    expect_near(found, reference_of(sequence, q, params, kTokens, end_keys, first_keys), 2e-6,
                8e-6);
    HostExecutor executor;
    EXPECT_EQ(in_chunks(executor, {66, 1, 60, 5}), found);
  }
}

template <Kernel kernel, typename X>
void check_segments(const Shape& shape) {
  const std::vector<i32> ends = {1, 65, 65, 81, 150};
  constexpr std::int64_t kRows = 150;
  std::vector<i32> row_segments;
  for (i32 r = 0; r < kRows; ++r) {
    row_segments.push_back(
        static_cast<i32>(std::upper_bound(ends.begin(), ends.end(), r) - ends.begin()));
  }
  const std::int64_t width = static_cast<std::int64_t>(shape.heads) * shape.head_dim;
  const std::int64_t kv_width = static_cast<std::int64_t>(shape.kv_heads) * shape.head_dim;
  const Matrix q = rounded<X>(random_matrix(kRows * width, 1));
  const Matrix kv = rounded<X>(random_matrix(kRows * 2 * kv_width, 2));
  const AttentionParams params = params_of(shape, 0, 0.0f);
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    const Rows<X> from_q(q, width, width + 5);
    const Rows<X> from_kv(kv, 2 * kv_width);
    Rows<X> out(kRows, width);
    executor.run<kernel>({.x = kRows,
                          .y = params.num_heads,
                          .threads = kThreads,
                          .shared_bytes = attention_shared_bytes(kThreads, params.head_dim)},
                         {.out = out.data(),
                          .q = from_q.data(),
                          .k = from_kv.data(),
                          .v = from_kv.data() + kv_width,
                          .ends = ends.data(),
                          .row_segments = row_segments.data(),
                          .out_stride = out.stride(),
                          .q_stride = from_q.stride(),
                          .k_stride = from_kv.stride(),
                          .v_stride = from_kv.stride(),
                          .shape = params});
    return out.values();
  });
  std::vector<double> wanted;
  for (std::int64_t r = 0; r < kRows; ++r) {
    const i32 segment = row_segments[r];
    for (int h = 0; h < shape.heads; ++h) {
      const std::int64_t column =
          static_cast<std::int64_t>(h / (shape.heads / shape.kv_heads)) * shape.head_dim;
      const auto out = reference::attend(
          &q[(r * shape.heads + h) * shape.head_dim], shape.head_dim, params.scale,
          segment > 0 ? ends[segment - 1] : 0, ends[segment],
          [&](std::int64_t i) { return &kv[i * 2 * kv_width + column]; },
          [&](std::int64_t i) { return &kv[i * 2 * kv_width + kv_width + column]; });
      wanted.insert(wanted.end(), out.begin(), out.end());
    }
  }
  expect_near(found, wanted, tolerance_of<X>(), 8e-6);
}

TEST(AttentionKernelTest, Segments) {
  for (const Shape& shape : kShapes) check_segments<Kernel::attention_segments_f32, float>(shape);
  check_segments<Kernel::attention_segments_f16, f16>(kShapes[0]);
  check_segments<Kernel::attention_segments_f16, f16>(kShapes[2]);
}

}  // namespace
}  // namespace saccade::compute::gpu
