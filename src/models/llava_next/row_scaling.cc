#include "models/llava_next/row_scaling.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace saccade::models::llava_next {
namespace {

/// The two neighbours of each place along one side, and their shares.
struct Neighbours {
  std::vector<std::array<std::int32_t, 2>> index;
  std::vector<std::array<float, 2>> share;
};

Neighbours neighbours(int to, int from) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  Neighbours result;
  for (int i = 0; i < to; ++i) {
    const float place = std::max(0.0f, scale * (static_cast<float>(i) + 0.5f) - 0.5f);
    const auto first = std::min(static_cast<std::int32_t>(place), from - 1);
    const float second_share = std::clamp(place - static_cast<float>(first), 0.0f, 1.0f);
    result.index.push_back({first, std::min(first + 1, from - 1)});
    result.share.push_back({1.0f - second_share, second_share});
  }
  return result;
}

}  // namespace

void scale_rows(compute::Device& device, const Tensor& to, const media::Size& to_grid,
                const Tensor& from, const media::Size& from_grid) {
  const Neighbours down = neighbours(to_grid.height, from_grid.height);
  const Neighbours across = neighbours(to_grid.width, from_grid.width);
  const std::int64_t count = to.rows();
  std::vector<std::int32_t> all(count);
  std::iota(all.begin(), all.end(), 0);
  device.upload(to, std::vector<float>(count * to.size(1)).data());
  Tensor corner = device.empty(DType::kF32, {count, to.size(1)});
  for (int i = 0; i < 4; ++i) {
    std::vector<std::int32_t> rows;
    std::vector<float> shares;
    for (int y = 0; y < to_grid.height; ++y) {
      for (int x = 0; x < to_grid.width; ++x) {
        rows.push_back(down.index[y][i / 2] * from_grid.width + across.index[x][i % 2]);
        shares.push_back(down.share[y][i / 2] * across.share[x][i % 2]);
      }
    }
    device.gather(corner, from, rows);
    device.scatter_add(to, corner, all, shares);
  }
}

}  // namespace saccade::models::llava_next
