#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

namespace saccade::engine {
namespace {

/// What is shown of `text` given in pieces of `size` bytes.
std::string shown(std::vector<std::string> stops, const std::string& text, std::size_t size) {
  StopMatcher matcher(std::move(stops));
  std::string result;
  for (std::size_t i = 0; i < text.size(); i += size) result += matcher.add(text.substr(i, size));
  return result + (matcher.matched() ? "" : matcher.finish());
}

TEST(StopMatcher, CutsAtTheFirstStopHoweverTextArrives) {
  for (std::size_t size = 1; size < 12; ++size) {
    EXPECT_EQ(shown({"END"}, "one ENtwo END three", size), "one ENtwo ");
    EXPECT_EQ(shown({"two", "one ENt"}, "one ENtwo END", size), "");
    EXPECT_EQ(shown({"aab"}, "aaaab", size), "aa");
    EXPECT_EQ(shown({"xyz", ""}, "no stop xy", size), "no stop xy");
    EXPECT_EQ(shown({}, "anything", size), "anything");
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatMayBeAStop) {
  StopMatcher matcher({"\n\n"});
  EXPECT_EQ(matcher.add("line\n"), "line");
  EXPECT_EQ(matcher.add("next"), "\nnext");
  EXPECT_EQ(matcher.add("\n"), "");
  EXPECT_EQ(matcher.add("\n more"), "");
  EXPECT_TRUE(matcher.matched());
  EXPECT_EQ(matcher.matched_text(), "\n\n");
  EXPECT_EQ(matcher.add("x"), "");
}

TEST(StopMatcher, NamesTheTextThatCameFirst) {
  StopMatcher matcher({"two", "one", "none"});
  EXPECT_EQ(matcher.add("a one and two"), "a ");
  EXPECT_EQ(matcher.matched_text(), "one");
  EXPECT_EQ(StopMatcher({"x"}).matched_text(), "");
}

}  // namespace
}  // namespace saccade::engine
