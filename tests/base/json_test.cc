#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace saccade {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Json, ErrorsNameFileLineAndKey) {
  EXPECT_THAT([] { parse_json("{\n  \"a\": ]\n}", "config.json"); },
              ThrowsMessage<Error>(HasSubstr("config.json: not valid JSON at line 2")));
  EXPECT_THAT([] { parse_json("{} x", "config.json"); }, ThrowsMessage<Error>(HasSubstr("JSON")));
  EXPECT_THAT([] { parse_json("", "config.json"); }, ThrowsMessage<Error>(HasSubstr("JSON")));
  EXPECT_THAT([] { parse_json(std::string(100000, '['), "config.json"); },
              ThrowsMessage<Error>(HasSubstr("JSON")));
}

TEST(Json, GettersCheckTypes) {
  const auto value = parse_json(R"({"a": 1, "b": "x", "c": null, "d": [1, 2], "e": 3.0})", "f");
  const JsonObject object(value, "f");
  EXPECT_EQ(object.integer("a"), 1);
  EXPECT_EQ(object.integer("e"), 3);
  EXPECT_FALSE(object.has("c"));
  EXPECT_EQ(object.integer_or("c", 7), 7);
  EXPECT_THAT(object.integers("d"), testing::ElementsAre(1, 2));
  EXPECT_THAT([&] { object.integer("b"); },
              ThrowsMessage<Error>(HasSubstr("f: \"b\" must be an integer, found \"x\"")));
  EXPECT_THAT([&] { object.at("z"); }, ThrowsMessage<Error>(HasSubstr("\"z\" is missing")));
  EXPECT_THAT([&] { object.integer_in("a", 2, 3); }, ThrowsMessage<Error>(HasSubstr("[2, 3]")));
}

}  // namespace
}  // namespace saccade
