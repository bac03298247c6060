// Attention between channels, of every instruction set and on every GPU, against the plain
// reference.
#include <gtest/gtest.h>

#include <numeric>

#include "base/error.h"
#include "op_testing.h"

namespace saccade::compute {
namespace {

struct ChannelCase {
  std::int64_t rows, groups, channels;
};

class ChannelAttention : public testing::TestWithParam<ChannelCase> {};

TEST_P(ChannelAttention, MatchesReference) {
  const auto [rows, groups, channels] = GetParam();
  const std::int64_t columns = groups * channels;
  const float scale = 1.0f / std::sqrt(static_cast<float>(rows));
  const Matrix q = random_matrix(rows * columns, 1);
  const Matrix k = random_matrix(rows * columns, 2);
  const Matrix v = random_matrix(rows * columns, 3);
  // Side by side, as a projection leaves them.
  Matrix qkv;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const Matrix* part : {&q, &k, &v}) {
      qkv.insert(qkv.end(), part->begin() + row * columns, part->begin() + (row + 1) * columns);
    }
  }
  // In the type that passes between layers, which gathering all rows converts to and from.
  std::vector<std::int32_t> all_rows(rows);
  std::iota(all_rows.begin(), all_rows.end(), 0);
  const auto attend = [&, rows = rows, groups = groups](Device& device) {
    const Tensor all = device.activations({rows, 3 * columns});
    device.gather(all, upload(device, qkv, {rows, 3 * columns}), all_rows);
    const Tensor out = device.activations({rows, columns});
    device.channel_attention(out, all.view_columns(0, columns), all.view_columns(columns, columns),
                             all.view_columns(2 * columns, columns), static_cast<int>(groups),
                             scale);
    const Tensor widened = device.empty(DType::kF32, {rows, columns});
    device.gather(widened, out, all_rows);
    return download(device, widened);
  };
  const auto wanted = reference::channel_attention(q, k, v, groups, channels, scale);
  expect_close(on_all_devices(attend), wanted, 1e-5);
  for (const auto& device : gpu_devices(false)) {
    SCOPED_TRACE(device->info().name);
    expect_close(attend(*device), wanted, 2e-3);
  }
}

// One channel, fewer than a vector, whole and broken vectors and tiles; stretches of rows that end
// before, at and after a border.
INSTANTIATE_TEST_SUITE_P(Sizes, ChannelAttention,
                         testing::Values(ChannelCase{1, 1, 1}, ChannelCase{5, 2, 6},
                                         ChannelCase{257, 3, 16}, ChannelCase{512, 2, 32},
                                         ChannelCase{700, 1, 51}));

TEST(ChannelAttentionShapes, GroupsOfBrokenChannelsAreRefused) {
  cpu::CpuDevice device({1, {}});
  const Tensor x = upload(device, Matrix(12, 1.0f), {2, 6});
  EXPECT_THROW(device.channel_attention(x, x, x, x, 4, 1.0f), Error);
  EXPECT_THROW(device.channel_attention(x, x, x, x, 0, 1.0f), Error);
  EXPECT_THROW(device.channel_attention(x, x, x.view_columns(0, 3), x, 1, 1.0f), Error);
}

}  // namespace
}  // namespace saccade::compute
