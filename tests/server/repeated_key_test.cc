#include "server/repeated_key.h"

#include <gmock/gmock.h>

#include "server/api_error.h"
#include "server/request_fields.h"

namespace saccade::server {
namespace {

using testing::HasSubstr;

TEST(RepeatedKey, IsNamedWithItsPlace) {
  EXPECT_EQ(repeated_key(R"({"a": 1, "b": 2, "a": 1})"), "a");
  EXPECT_EQ(repeated_key(R"({"messages": [{"role": "user"},
                                          {"role": "user", "content": "x", "role": "system"}]})"),
            "messages[1].role");
  EXPECT_EQ(repeated_key(R"({"a": [0, "x", null, true, [], {}, 1.5, [[{"b": {}, "b": 1}]]]})"),
            "a[7][0][0].b");
  EXPECT_EQ(repeated_key(R"({"a": {"b": {"c": 1}, "d": {}, "d": {}}, "a": 1})"), "a.d")
      << "the first one";
  // Written differently, it is the same key.
  EXPECT_EQ(repeated_key(R"({"stop": 1, "\u0073top": 2})"), "stop");
  EXPECT_EQ(repeated_key(R"({"": 1, "": 2})"), "");
}

TEST(RepeatedKey, IsNoneWhereObjectsDiffer) {
  for (const char* text :
       {"1", "[]", "{}", R"({"a": {"a": {"a": 1}}, "b": {"a": 2}})", R"([{"a": 1}, {"a": 1}])",
        R"({"a": "a", "A": "a", "b": ["a", "a"]})", " {\"a\" : -18446744073709551615} \n"}) {
    EXPECT_EQ(repeated_key(text), std::nullopt) << text;
  }
}

/// As deep as a body may be.
TEST(RepeatedKey, IsFoundAtTheDeepest) {
  std::string text = R"({"x": 1, "x": 2})";
  for (int i = 0; i < 60; ++i) text = "[" + text + "]";
  const std::optional<std::string> found = repeated_key(text);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->ends_with("[0].x")) << *found;
}

TEST(RepeatedKey, OfABodyIsAnError) {
  try {
    parse_body(R"({"model": "m", "response_format": {"type": "text", "type": "json_object"}})");
    ADD_FAILURE() << "no error";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), "response_format.type");
    EXPECT_THAT(error.what(), HasSubstr("response_format.type"));
  }
}

}  // namespace
}  // namespace saccade::server
