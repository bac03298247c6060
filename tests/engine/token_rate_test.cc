#include "engine/token_rate.h"

#include <gtest/gtest.h>

namespace saccade::engine {
namespace {

using std::chrono::seconds;

TEST(TokenRate, CountsTheLastSecondsAlone) {
  const TokenRate::Clock::time_point begin{seconds(1000)};
  TokenRate rate;
  EXPECT_EQ(rate.per_second(begin), 0.0);
  rate.add(30, begin);
  rate.add(20, begin + seconds(4));
  EXPECT_EQ(rate.per_second(begin + seconds(4)), 5.0);
  EXPECT_EQ(rate.per_second(begin + seconds(9)), 5.0);
  EXPECT_EQ(rate.per_second(begin + seconds(10)), 2.0);  // the first second is past
  rate.add(10, begin + seconds(10));
  EXPECT_EQ(rate.per_second(begin + seconds(13)), 3.0);
  EXPECT_EQ(rate.per_second(begin + seconds(14)), 1.0);
  EXPECT_EQ(rate.per_second(begin + seconds(10'000)), 0.0);
}

}  // namespace
}  // namespace saccade::engine
