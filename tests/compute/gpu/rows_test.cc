// Kernels that move rows: gathers, scatters, rotary positions, and keys and values into pages.
#include <numeric>

#include "kernel_testing.h"
#include "paged_batch.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::kUnit;

constexpr std::int64_t kSource = 9;
const std::vector<i32> kIds = {4, 0, 8, 4, -1, 2};

template <Kernel kernel, typename Y, typename X>
void check_gather(std::int64_t n, std::int64_t stride, std::int64_t offset) {
  const Matrix x = rounded<X>(random_matrix(kSource * n, 1));
  const auto rows = static_cast<std::int64_t>(kIds.size());
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    Rows<Y> y(rows, n, stride, offset);
    const Rows<X> from(x, n, stride, offset);
    executor.run<kernel>(
        {.x = static_cast<u32>(rows), .y = divided_up(n, 32 * kUnit), .threads = 32},
        {.y = y.data(),
         .x = from.data(),
         .ids = kIds.data(),
         .y_stride = y.stride(),
         .x_stride = from.stride(),
         .n = static_cast<u32>(n)});
    return y.values();
  });
  Matrix wanted;
  for (const i32 id : kIds) {
    for (std::int64_t i = 0; i < n; ++i) wanted.push_back(id < 0 ? 0.0f : x[id * n + i]);
  }
  EXPECT_EQ(found, rounded<Y>(wanted));
}

TEST(GatherTest, Rows) {
  check_gather<Kernel::gather_f32_f32, float, float>(300, 304, 0);
  check_gather<Kernel::gather_f32_f16, float, f16>(7, 9, 1);
  check_gather<Kernel::gather_f16_f32, f16, float>(256, 256, 0);
  check_gather<Kernel::gather_f16_f16, f16, f16>(520, 528, 8);
}

template <Kernel kernel, typename T>
void check_gather_columns() {
  const Matrix x = rounded<T>(random_matrix(3 * 10, 1));
  std::vector<i32> ids = {9, 0, 3, 3};
  for (i32 i = 0; i < 40; ++i) ids.push_back(i % 10);
  const auto n = static_cast<std::int64_t>(ids.size());
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    Rows<T> y(3, n, n + 3);
    const Rows<T> from(x, 10, 11);
    executor.run<kernel>({.x = 3, .y = 2, .threads = 32}, {.y = y.data(),
                                                           .x = from.data(),
                                                           .ids = ids.data(),
                                                           .y_stride = y.stride(),
                                                           .x_stride = from.stride(),
                                                           .n = static_cast<u32>(n)});
    return y.values();
  });
  EXPECT_EQ(found, reference::gather_columns(x, 10, ids));
}

TEST(GatherTest, Columns) {
  check_gather_columns<Kernel::gather_columns_f32, float>();
  check_gather_columns<Kernel::gather_columns_f16, f16>();
}

template <Kernel kernel, typename Y, typename X, bool kAdd>
void check_scatter(std::int64_t n, std::int64_t stride, std::int64_t offset) {
  const std::vector<i32> ids = {5, -1, 0, 8};
  const Matrix factors = {0.5f, 3.0f, -2.0f, 0.3f};
  const Matrix x = rounded<X>(random_matrix(4 * n, 1));
  const Matrix before = rounded<Y>(random_matrix(kSource * n, 2));
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    Rows<Y> y(before, n, stride, offset);
    const Rows<X> from(x, n, stride, offset);
    executor.run<kernel>({.x = 4, .y = divided_up(n, 32 * kUnit), .threads = 32},
                         {.y = y.data(),
                          .x = from.data(),
                          .ids = ids.data(),
                          .factors = kAdd ? factors.data() : nullptr,
                          .y_stride = y.stride(),
                          .x_stride = from.stride(),
                          .n = static_cast<u32>(n)});
    return y.values();
  });
  Matrix wanted = before;
  for (std::size_t row = 0; row < ids.size(); ++row) {
    if (ids[row] < 0) continue;
    for (std::int64_t i = 0; i < n; ++i) {
      float& y = wanted[ids[row] * n + i];
      y = kAdd ? std::fma(factors[row], x[row * n + i], y) : x[row * n + i];
    }
  }
  EXPECT_EQ(found, rounded<Y>(wanted));
}

TEST(ScatterTest, Rows) {
  check_scatter<Kernel::scatter_f32_f32, float, float, false>(300, 304, 0);
  check_scatter<Kernel::scatter_f32_f16, float, f16, false>(7, 9, 1);
  check_scatter<Kernel::scatter_f16_f32, f16, float, false>(64, 64, 0);
  check_scatter<Kernel::scatter_f16_f16, f16, f16, false>(520, 528, 8);
}

TEST(ScatterTest, AddsWithFactors) {
  check_scatter<Kernel::scatter_add_f32_f32, float, float, true>(300, 304, 0);
  check_scatter<Kernel::scatter_add_f32_f16, float, f16, true>(7, 9, 1);
  check_scatter<Kernel::scatter_add_f16_f16, f16, f16, true>(64, 64, 0);
}

TEST(RotaryTest, TableOfManyAxes) {
  constexpr u32 kRows = 5;
  const std::vector<i32> positions = {0, 1, 77, 999999, 123456, 0, 4, 5, 6, 7, 3, 2, 1, 0, 1000000};
  std::vector<float> frequencies;
  std::vector<i32> axes;
  for (int i = 0; i < 70; ++i) {
    frequencies.push_back(static_cast<float>(std::pow(1e6, -i / 70.0)));
    axes.push_back(i % 3);
  }
  const auto n = static_cast<u32>(frequencies.size());
  for (const bool with_axes : {true, false}) {
    const Matrix found = on_all_executors([&](HostExecutor& executor) {
      Rows<float> cosines(kRows, n);
      Rows<float> sines(kRows, n);
      executor.run<Kernel::rotary_table>({.x = kRows, .y = divided_up(n, 32), .threads = 32},
                                         {.cosines = cosines.data(),
                                          .sines = sines.data(),
                                          .positions = positions.data(),
                                          .frequencies = frequencies.data(),
                                          .axes = with_axes ? axes.data() : nullptr,
                                          .rows = kRows,
                                          .n = n,
                                          .scale = 1.5f});
      Matrix both = cosines.values();
      const Matrix others = sines.values();
      both.insert(both.end(), others.begin(), others.end());
      return both;
    });
    std::vector<double> wanted;
    for (const bool is_sine : {false, true}) {
      for (u32 row = 0; row < kRows; ++row) {
        for (u32 i = 0; i < n; ++i) {
          const auto position =
              static_cast<float>(positions[(with_axes ? axes[i] : 0) * kRows + row]);
          const double angle = position * frequencies[i];
          wanted.push_back(1.5 * (is_sine ? std::sin(angle) : std::cos(angle)));
        }
      }
    }
    expect_near(found, wanted, 1e-6, 1e-7);
  }
}

/// x [rows, heads * head_dim] turned.
Matrix turned(Matrix x, const Matrix& cosines, const Matrix& sines, std::int64_t rows,
              std::int64_t heads, std::int64_t head_dim, std::int64_t n) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t h = 0; h < heads; ++h) {
      float* head = &x[(r * heads + h) * head_dim];
      for (std::int64_t i = 0; i < n; ++i) {
        const float a = head[i];
        const float b = head[i + n];
        const float c = cosines[r * n + i];
        const float s = sines[r * n + i];
        head[i] = std::fma(a, c, -(b * s));
        head[i + n] = std::fma(b, c, a * s);
      }
    }
  }
  return x;
}

struct RotaryCase {
  std::int64_t heads, head_dim, n, stride, table_stride;
};

template <Kernel kernel, typename X>
void check_rotary(const RotaryCase& c) {
  constexpr std::int64_t kRows = 3;
  const Matrix x = rounded<X>(random_matrix(kRows * c.heads * c.head_dim, 1));
  const Matrix cosines = random_matrix(kRows * c.n, 2);
  const Matrix sines = random_matrix(kRows * c.n, 3);
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    Rows<X> rows(x, c.heads * c.head_dim, c.stride);
    const Rows<float> cos(cosines, c.n, c.table_stride);
    const Rows<float> sin(sines, c.n, c.table_stride);
    const std::int64_t units = c.heads * divided_up(c.n, kUnit);
    executor.run<kernel>({.x = kRows, .y = divided_up(units, 32), .threads = 32},
                         {.x = rows.data(),
                          .cosines = cos.data(),
                          .sines = sin.data(),
                          .x_stride = rows.stride(),
                          .table_stride = cos.stride(),
                          .heads = static_cast<u32>(c.heads),
                          .head_dim = static_cast<u32>(c.head_dim),
                          .n = static_cast<u32>(c.n)});
    return rows.values();
  });
  EXPECT_EQ(found, rounded<X>(turned(x, cosines, sines, kRows, c.heads, c.head_dim, c.n)));
}

TEST(RotaryTest, TurnsHeads) {
  for (const RotaryCase& c : {RotaryCase{5, 128, 64, 648, 64},
                              {3, 80, 40, 240, 40},
                              {2, 12, 5, 25, 6},
                              {4, 96, 24, 384, 24},
                              {1, 2, 1, 2, 1}}) {
    check_rotary<Kernel::rotary_f32, float>(c);
    check_rotary<Kernel::rotary_f16, f16>(c);
  }
}

/// What a page's token and head should hold.
template <typename T>
void expect_stored(const PagedBatch& batch, const std::vector<T>& pages, const Matrix& rows,
                   std::int64_t kv_heads, std::int64_t head_dim) {
  std::size_t written = 0;
  for (std::size_t row = 0; row < batch.row_spans.size(); ++row) {
    if (batch.row_spans[row] < 0) continue;
    for (std::int64_t h = 0; h < kv_heads; ++h) {
      const std::int64_t at =
          batch.key_offset(static_cast<std::int64_t>(row), h, kv_heads, head_dim);
      for (std::int64_t d = 0; d < head_dim; ++d, ++written) {
        ASSERT_EQ(loaded(pages[at + d]),
                  loaded(stored<T>(rows[(row * kv_heads + h) * head_dim + d])));
      }
    }
  }
  std::size_t found = 0;
  for (const T value : pages) found += std::isnan(loaded(value)) ? 0 : 1;
  EXPECT_EQ(found, written) << "elements of other tokens were written";
}

template <Kernel kernel, typename T, typename X>
void check_write_kv(std::int64_t kv_heads, std::int64_t head_dim, std::int64_t extra) {
  const PagedBatch batch = PagedBatch::ragged();
  const auto rows = static_cast<std::int64_t>(batch.row_spans.size());
  const std::int64_t width = kv_heads * head_dim;
  const Matrix k = rounded<X>(random_matrix(rows * width, 1));
  const Matrix v = rounded<X>(random_matrix(rows * width, 2));
  on_all_executors([&](HostExecutor& executor) {
    std::vector<T> keys = batch.empty_pages<T>(kv_heads, head_dim);
    std::vector<T> values = keys;
    const Rows<X> from_k(k, width, width + extra);
    const Rows<X> from_v(v, width, width + 2 * extra);
    const std::int64_t units = kv_heads * divided_up(head_dim, kUnit);
    executor.run<kernel>({.x = static_cast<u32>(rows), .y = divided_up(units, 32), .threads = 32},
                         {.k = from_k.data(),
                          .v = from_v.data(),
                          .keys = keys.data(),
                          .values = values.data(),
                          .batch = batch.view(),
                          .k_stride = from_k.stride(),
                          .v_stride = from_v.stride(),
                          .kv_heads = static_cast<u32>(kv_heads),
                          .head_dim = static_cast<u32>(head_dim)});
    expect_stored(batch, keys, k, kv_heads, head_dim);
    expect_stored(batch, values, v, kv_heads, head_dim);
    return Matrix();
  });
}

TEST(KvTest, WritesPages) {
  check_write_kv<Kernel::write_kv_f32_f32, float, float>(3, 20, 1);
  check_write_kv<Kernel::write_kv_f16_f32, f16, float>(2, 64, 8);
  check_write_kv<Kernel::write_kv_f16_f16, f16, f16>(4, 128, 16);
  check_write_kv<Kernel::write_kv_f16_f16, f16, f16>(1, 5, 0);
}

template <Kernel kernel, typename T, typename X>
void check_rotary_kv(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                     std::int64_t n, std::int64_t extra) {
  const PagedBatch batch = PagedBatch::ragged();
  const auto rows = static_cast<std::int64_t>(batch.row_spans.size());
  const std::int64_t all = heads + 2 * kv_heads;
  const Matrix qkv = rounded<X>(random_matrix(rows * all * head_dim, 1));
  const Matrix cosines = random_matrix(rows * n, 2);
  const Matrix sines = random_matrix(rows * n, 3);
  const Matrix all_turned = rounded<X>(turned(qkv, cosines, sines, rows, all, head_dim, n));
  Matrix wanted_q = qkv;
  Matrix k;
  Matrix v;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = r * all * head_dim;
    if (batch.row_spans[r] >= 0) {
      std::copy_n(&all_turned[row], heads * head_dim, &wanted_q[row]);
    }
    const std::int64_t begin = row + heads * head_dim;
    const std::int64_t width = kv_heads * head_dim;
    k.insert(k.end(), &all_turned[begin], &all_turned[begin] + width);
    v.insert(v.end(), &qkv[begin + width], &qkv[begin + width] + width);
  }
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    std::vector<T> keys = batch.empty_pages<T>(kv_heads, head_dim);
    std::vector<T> values = keys;
    Rows<X> x(qkv, all * head_dim, all * head_dim + extra);
    const Rows<float> cos(cosines, n);
    const Rows<float> sin(sines, n);
    const std::int64_t units = all * (divided_up(n, kUnit) + divided_up(head_dim - 2 * n, kUnit));
    executor.run<kernel>({.x = static_cast<u32>(rows), .y = divided_up(units, 32), .threads = 32},
                         {.qkv = x.data(),
                          .cosines = cos.data(),
                          .sines = sin.data(),
                          .keys = keys.data(),
                          .values = values.data(),
                          .batch = batch.view(),
                          .stride = x.stride(),
                          .table_stride = cos.stride(),
                          .heads = static_cast<u32>(heads),
                          .kv_heads = static_cast<u32>(kv_heads),
                          .head_dim = static_cast<u32>(head_dim),
                          .n = static_cast<u32>(n)});
    expect_stored(batch, keys, k, kv_heads, head_dim);
    expect_stored(batch, values, v, kv_heads, head_dim);
    return x.values();
  });
  EXPECT_EQ(found, wanted_q);
}

TEST(KvTest, RotatesAndWritesInOneLaunch) {
  check_rotary_kv<Kernel::rotary_kv_f32_f32, float, float>(3, 1, 20, 7, 1);
  check_rotary_kv<Kernel::rotary_kv_f16_f32, f16, float>(4, 2, 64, 32, 0);
  check_rotary_kv<Kernel::rotary_kv_f16_f16, f16, f16>(7, 2, 128, 64, 8);
  check_rotary_kv<Kernel::rotary_kv_f16_f16, f16, f16>(2, 2, 64, 16, 0);
}

}  // namespace
}  // namespace saccade::compute::gpu
