#include "cli/help.h"

#include <gtest/gtest.h>

namespace saccade::cli {
namespace {

TEST(Wrapped, BreaksBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 13), "one two three");
  EXPECT_EQ(wrapped("incomprehensibilities a", 5), "incomprehensibilities\na");
  EXPECT_EQ(wrapped("", 5), "");
}

}  // namespace
}  // namespace saccade::cli
