#include "cli/numbers.h"

#include <gtest/gtest.h>

#include <functional>

#include "saccade/error.h"

namespace saccade::cli {
namespace {

ErrorKind kind_of_failure(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::kInput;
}

TEST(Numbers, WholeNumbersAreReadExactly) {
  EXPECT_EQ(parse_integer("--n", "0", 0), 0);
  EXPECT_EQ(parse_integer("--n", "010", 0), 10) << "decimal, whatever it begins with";
  EXPECT_EQ(parse_integer("--n", "9223372036854775807", 0), INT64_MAX);
  EXPECT_EQ(parse_unsigned("--seed", "18446744073709551615"), UINT64_MAX);
}

TEST(Numbers, WhatIsNoWholeNumberInRangeIsAUsageError) {
  for (const char* text :
       {"", "-1", "x", "1.5", "1e3", "5 ", " 5", "9223372036854775808", "0x10"}) {
    EXPECT_EQ(kind_of_failure([&] { parse_integer("--n", text, 0); }), ErrorKind::kUsage) << text;
  }
  EXPECT_EQ(kind_of_failure([] { parse_integer("--n", "1025", 1, 1024); }), ErrorKind::kUsage);
  EXPECT_EQ(kind_of_failure([] { parse_unsigned("--n", "18446744073709551616"); }),
            ErrorKind::kUsage);
  EXPECT_EQ(kind_of_failure([] { parse_unsigned("--n", "-1"); }), ErrorKind::kUsage);
}

TEST(Numbers, SizesHaveUnits) {
  EXPECT_EQ(parse_bytes("--kv-memory", "4096"), 4096);
  EXPECT_EQ(parse_bytes("--kv-memory", "3K"), 3 << 10);
  EXPECT_EQ(parse_bytes("--kv-memory", "512M"), 512 << 20);
  EXPECT_EQ(parse_bytes("--kv-memory", "8G"), std::int64_t{8} << 30);
  for (const char* text : {"", "G", "-1G", "1.5G", "8g", "8GB", "9223372036854775807K"}) {
    EXPECT_EQ(kind_of_failure([&] { parse_bytes("--kv-memory", text); }), ErrorKind::kUsage)
        << text;
  }
}

TEST(Numbers, NumbersAreFinite) {
  EXPECT_EQ(parse_number("--x", "0.25"), 0.25);
  EXPECT_EQ(parse_number("--x", "-1"), -1.0) << "the engine knows which signs make sense";
  for (const char* text : {"nan", "inf", "-inf", "", "0,5", "1e999", "one"}) {
    EXPECT_EQ(kind_of_failure([&] { parse_number("--x", text); }), ErrorKind::kUsage) << text;
  }
}

TEST(Numbers, ErrorsNameOptionAndValue) {
  try {
    parse_integer("--max-tokens", "many", 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "--max-tokens: wanted a whole number from 0 up, found \"many\"");
  }
}

TEST(Numbers, Thousands) {
  EXPECT_EQ(thousands(0), "0");
  EXPECT_EQ(thousands(999), "999");
  EXPECT_EQ(thousands(1000), "1,000");
  EXPECT_EQ(thousands(1234567), "1,234,567");
  EXPECT_EQ(thousands(-1000), "-1,000");
  EXPECT_EQ(thousands(-100), "-100");
}

TEST(Numbers, UnitsKeepThreeDigits) {
  EXPECT_EQ(short_bytes(0), "0 B");
  EXPECT_EQ(short_bytes(1023), "1023 B");
  EXPECT_EQ(short_bytes(1024), "1.00 KiB");
  EXPECT_EQ(short_bytes(10 * 1024), "10.0 KiB");
  EXPECT_EQ(short_bytes(1572864), "1.50 MiB");
  EXPECT_EQ(short_bytes(INT64_C(7) << 30), "7.00 GiB");
  EXPECT_EQ(short_bytes((INT64_C(1) << 30) - 1), "1.00 GiB");
  EXPECT_EQ(short_count(999), "999");
  EXPECT_EQ(short_count(11'234'567), "11.2 M");
  EXPECT_EQ(short_count(999'999), "1.00 M");
  EXPECT_EQ(short_count(3'754'622'976), "3.75 B");
}

TEST(Numbers, Durations) {
  EXPECT_EQ(duration(0.0), "0.00 ms");
  EXPECT_EQ(duration(3.214), "3.21 ms");
  EXPECT_EQ(duration(250.4), "250 ms");
  EXPECT_EQ(duration(1500.0), "1.50 s");
  EXPECT_EQ(duration(45'600.0), "45.6 s");
  EXPECT_EQ(duration(125'000.0), "2 min 5 s");
  EXPECT_EQ(duration(7'500'000.0), "2 h 5 min");
}

TEST(Numbers, Shares) {
  EXPECT_EQ(percent(1, 8), "12.5 %");
  EXPECT_EQ(percent(1, 0), "-");
}

}  // namespace
}  // namespace saccade::cli
