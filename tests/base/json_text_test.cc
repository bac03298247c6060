#include "base/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

namespace saccade {
namespace {

namespace json = boost::json;

TEST(JsonText, ReadsBackAsWritten) {
  const json::value value = {{"text", "a \"quote\" \\ and\nline \xF0\x9F\x90\xB1"},
                             {"ids", {1, 2, 3}},
                             {"none", nullptr},
                             {"yes", true},
                             {"number", 0.1},
                             {"tiny", -1.25e-300},
                             {"empty", json::object()},
                             {"list", json::array()}};
  const std::string text = json_text(value);
  EXPECT_EQ(json::parse(text), value);
  EXPECT_EQ(text.find('\n'), std::string::npos) << "one line";
}

TEST(JsonText, NumbersAreWrittenPlainly) {
  EXPECT_EQ(json_text(0.5), "0.5");
  EXPECT_EQ(json_text(-12.25), "-12.25");
  EXPECT_EQ(json_text(std::int64_t{1024}), "1024");
  EXPECT_EQ(json_text(std::uint64_t{18446744073709551615U}), "18446744073709551615");
}

TEST(JsonText, WhatIsNotFiniteIsNull) {
  EXPECT_EQ(json_text(std::numeric_limits<double>::quiet_NaN()), "null");
  EXPECT_EQ(json_text(-std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonText, BrokenUtf8IsRepaired) {
  EXPECT_EQ(json_text(json::value("a\xFFz")), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(json_text({{"\xFF", 1}}), "{\"\xEF\xBF\xBD\": 1}");
}

TEST(JsonText, KeysKeepTheirOrder) {
  EXPECT_EQ(json_text({{"b", 1}, {"a", 2}}), "{\"b\": 1, \"a\": 2}");
}

}  // namespace
}  // namespace saccade
