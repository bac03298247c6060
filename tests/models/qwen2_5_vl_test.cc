// What only Qwen2.5-VL has.
#include <gtest/gtest.h>

#include "models/qwen2_5_vl/vision.h"

namespace saccade {
namespace {

TEST(WindowOrder, EdgesMakeSmallerWindows) {
  // 6 x 10 patches are 3 x 5 merged ones; windows of 2 x 2 leave a last row and a last column.
  const auto order = models::qwen2_5_vl::window_order({1, 6, 10}, 2, 2);
  EXPECT_EQ(order.groups,
            (std::vector<std::int32_t>{0, 1, 5, 6, 2, 3, 7, 8, 4, 9, 10, 11, 12, 13, 14}));
  EXPECT_EQ(order.window_ends, (std::vector<std::int64_t>{16, 32, 40, 48, 56, 60}));
  EXPECT_EQ(order.frame_ends, (std::vector<std::int64_t>{60}));
}

}  // namespace
}  // namespace saccade
