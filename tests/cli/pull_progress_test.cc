#include "cli/pull_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text_lines.h"

namespace saccade::cli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Lt;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

TEST(PullText, SaysHowFarAndHowLong) {
  const std::string half = pull_text({kGiB, 2 * kGiB, kGiB, false}, 64.0 * (1 << 20));
  EXPECT_EQ(half, "[========>       ]  50 %  1.00 GiB of 2.00 GiB  64.0 MiB/s  16.0 s left");
  EXPECT_EQ(pull_text({0, kGiB, 0, false}, 0.0),
            "[>               ]   0 %  0 B of 1.00 GiB  0 B/s");
  EXPECT_EQ(pull_text({kGiB, kGiB, 0, true}, 0.0),
            "[================] 100 %  1.00 GiB of 1.00 GiB  checking");
  EXPECT_THAT(pull_text({0, 0, 0, false}, 0.0), HasSubstr("100 %"));
}

TEST(PullText, FitsATerminal) {
  for (const std::int64_t total : {kGiB - 1, 999 * kGiB, 1023 * kGiB}) {
    for (const double rate : {1.0, 1023.0, 1e6, 123456789.0}) {
      const std::string text = pull_text({total / 3, total, 0, false}, rate);
      EXPECT_THAT(display_width(text), Lt(80)) << text;
    }
  }
}

TEST(RateMeter, FollowsTheLastSeconds) {
  RateMeter meter;
  const RateMeter::Time start{};
  EXPECT_EQ(meter.bytes_per_second(), 0.0);
  meter.add(start, 0);
  EXPECT_EQ(meter.bytes_per_second(), 0.0);
  for (int i = 1; i <= 100; ++i) meter.add(start + milliseconds(100 * i), 100 * i);
  EXPECT_NEAR(meter.bytes_per_second(), 1000.0, 1.0);
  for (int i = 101; i <= 200; ++i) meter.add(start + milliseconds(100 * i), 10'000 * i);
  EXPECT_NEAR(meter.bytes_per_second(), 100'000.0, 100.0);
}

}  // namespace
}  // namespace saccade::cli
