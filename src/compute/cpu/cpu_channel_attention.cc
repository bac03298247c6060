// Attention between channels on the CPU.
#include "compute/cpu/cpu_device.h"

namespace saccade::compute::cpu {
namespace {

// Channels of a work item, which the kernel takes through all rows together.
constexpr int kItemChannels = 4;

}  // namespace

void CpuDevice::do_channel_attention(const Tensor& out, const Tensor& q, const Tensor& k,
                                     const Tensor& v, int groups, float scale) {
  const int channels = static_cast<int>(q.size(1) / groups);
  const std::int64_t group_floats = std::int64_t{channels} * channel_width(channels);
  float* scores = scratch(1, groups * group_floats);
  float* weights = scratch(2, groups * group_floats);
  const std::int64_t items = (channels + kItemChannels - 1) / kItemChannels;
  threads_.parallel_for(groups * items, [&](std::int64_t item) {
    const std::int64_t group = item / items;
    const std::int64_t column = group * channels;
    const int begin = static_cast<int>(item % items) * kItemChannels;
    kernels_.channel_weights(
        {q.data<float>() + column, k.data<float>() + column, q.row_stride(), k.row_stride(),
         q.rows(), channels, begin, std::min(channels, begin + kItemChannels), scale,
         scores + group * group_floats + std::int64_t{begin} * channel_width(channels),
         weights + group * group_floats});
  });
  for_rows(out.rows(), out.size(1), [&](std::int64_t row) {
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t column = group * channels;
      kernels_.mix_channels(out.row(row) + column, v.row(row) + column,
                            weights + group * group_floats, channels);
    }
  });
}

}  // namespace saccade::compute::cpu
