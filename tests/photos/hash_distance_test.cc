#include <gtest/gtest.h>

#include "photos/vision/vision.h"

namespace saccade::photos {
namespace {

TEST(HashDistanceTest, CountsTheBitsThatDiffer) {
  EXPECT_EQ(hash_distance(0x0f, 0x0f), 0);
  EXPECT_EQ(hash_distance(0x0f, 0x0e), 1);
  EXPECT_EQ(hash_distance(0, ~std::uint64_t{0}), 64);
}

}  // namespace
}  // namespace saccade::photos
