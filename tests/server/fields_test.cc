#include "server/fields.h"

#include <gmock/gmock.h>

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

/// What an access throws: "status param: message".
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const ApiError& error) {
    return fmt::format("{} {}: {}", error.status(), error.param(), error.what());
  }
  return "no error";
}

TEST(Fields, ReadsWhatIsThereAndNothingElse) {
  const json::value value = json::parse(
      R"({"text": "a", "number": 0.5, "whole": 3, "round": 4.0, "yes": true, "none": null,
          "list": [1], "object": {"inner": "b"}})");
  Fields fields(value, "", false);
  EXPECT_EQ(fields.text("text"), "a");
  EXPECT_EQ(fields.number("number"), 0.5);
  EXPECT_EQ(fields.number("whole"), 3.0);
  EXPECT_EQ(fields.integer("whole"), 3);
  EXPECT_EQ(fields.integer("round"), 4);
  EXPECT_EQ(fields.boolean("yes"), true);
  EXPECT_EQ(fields.text("none"), std::nullopt);
  EXPECT_EQ(fields.text("missing"), std::nullopt);
  EXPECT_EQ(fields.list("list")->size(), 1u);
  EXPECT_EQ(fields.object("object")->text("inner"), "b");
  EXPECT_EQ(error_of([&] { fields.done(); }), "no error");
}

TEST(Fields, NamesWhatIsWrong) {
  const json::value value = json::parse(
      R"({"text": 1, "number": "x", "whole": 1.5, "list": {}, "object": [], "yes": 1})");
  Fields fields(value, "messages[2]", false);
  EXPECT_EQ(error_of([&] { fields.text("text"); }),
            "400 messages[2].text: messages[2].text: wanted a text, found 1");
  EXPECT_EQ(error_of([&] { fields.number("number", 0.0, 2.0); }),
            "400 messages[2].number: messages[2].number: wanted a number from 0 to 2, found "
            "\"x\"");
  EXPECT_EQ(error_of([&] { fields.integer("whole", 1); }),
            "400 messages[2].whole: messages[2].whole: wanted a whole number from 1 up, found "
            "1.5E0");
  EXPECT_THAT(error_of([&] { fields.list("list"); }), HasSubstr("wanted a list, found an object"));
  EXPECT_THAT(error_of([&] { fields.object("object"); }), HasSubstr("wanted a JSON object"));
  EXPECT_THAT(error_of([&] { fields.boolean("yes"); }), HasSubstr("wanted true or false"));
  EXPECT_THAT(error_of([&] { fields.need("gone"); }), HasSubstr("messages[2].gone is missing"));
}

TEST(Fields, HoldsNumbersToTheirRange) {
  const json::value value =
      json::parse(R"({"low": -0.1, "high": 2.1, "huge": 1e300, "big": 18446744073709551615})");
  Fields fields(value, "", false);
  EXPECT_THAT(error_of([&] { fields.number("low", 0.0); }), HasSubstr("from 0 up"));
  EXPECT_THAT(error_of([&] { fields.number("high", 0.0, 2.0); }), HasSubstr("from 0 to 2"));
  EXPECT_THAT(error_of([&] { fields.integer("huge"); }), HasSubstr("wanted a whole number"));
  EXPECT_THAT(error_of([&] { fields.integer("big"); }), HasSubstr("wanted a whole number"));
}

TEST(Fields, RefusesUnknownOnesByNameUnlessLenient) {
  const json::value value = json::parse(R"({"known": 1, "temprature": 0.5})");
  Fields strict(value, "", false);
  strict.integer("known");
  EXPECT_THAT(
      error_of([&] { strict.done(); }),
      HasSubstr("400 temprature: temprature: there is no such field here; there are: known"));
  Fields lenient(value, "", true);
  EXPECT_EQ(error_of([&] { lenient.done(); }), "no error");
}

TEST(Fields, RefusesWhatIsNotDone) {
  const json::value value = json::parse(R"({"audio": {}, "store": true, "none": null})");
  Fields fields(value, "", false);
  fields.refuse("none", "not reached");
  EXPECT_EQ(error_of([&] { fields.refuse("audio", "this server does not speak"); }),
            "400 audio: audio: this server does not speak");
  EXPECT_EQ(error_of([&] { fields.only("store", false, "nothing is stored"); }),
            "400 store: store: wanted false, found true: nothing is stored");
}

TEST(Fields, ShowsLongValuesInPartAndWhole) {
  const std::string shown_text = shown(json::value(std::string(100, 'x') + "\n"));
  EXPECT_LE(shown_text.size(), 60u);
  // A character is not cut in two.
  for (int lead = 0; lead < 4; ++lead) {
    std::string text(static_cast<std::size_t>(lead), 'a');
    for (int i = 0; i < 40; ++i) text += "\u20AC";
    const std::string cut = shown(json::value(text));
    json::error_code error;
    json::parse(cut.substr(0, cut.size() - 3) + "\"", error);
    EXPECT_FALSE(error) << cut;
  }
}

}  // namespace
}  // namespace saccade::server
