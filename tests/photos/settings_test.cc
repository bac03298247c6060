#include "photos/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "photos/references.h"
#include "photos/tag_values.h"
#include "saccade/grammar.h"

namespace saccade::photos {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::string& text) {
  try {
    parse_settings(text, "photos.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SettingsTest, TheDefaultsAreGood) {
  const Settings settings = parse_settings(default_settings(), "photos.toml");
  ASSERT_EQ(settings.tiers.size(), 4U);
  EXPECT_EQ(settings.tiers[2].escalate, "large");
  EXPECT_TRUE(settings.tiers[3].shared);
  for (const Tier& tier : settings.tiers) {
    if (tier.kind == Tier::Kind::kVlm) {
      EXPECT_NO_THROW(Grammar::json_schema(tier.schema, tier.name));
    }
  }
}

TEST(SettingsTest, MistakesAreNamedWithTheirLine) {
  const std::string import = "[[tier]]\nname = \"import\"\nkind = \"import\"\n";
  EXPECT_THAT(error_of("x = 1"), HasSubstr("line 1: there is no setting \"x\" here"));
  EXPECT_THAT(error_of("[[tier]"), HasSubstr("line 1"));
  EXPECT_THAT(error_of(""), HasSubstr("first [[tier]]"));
  EXPECT_THAT(error_of(import + "colour = 1\n"), HasSubstr("\"colour\""));
  EXPECT_THAT(error_of(import + "concurrency = 0\n"), HasSubstr("integer from 1 to 64"));
  EXPECT_THAT(error_of(import + import), HasSubstr("two tiers are called import"));
  const std::string model = "[[tier]]\nname = \"m\"\nkind = \"vlm\"\n";
  EXPECT_THAT(error_of(import + model), HasSubstr("model is missing"));
  const std::string full = model + "model = \"glance\"\nprompt = \"?\"\n";
  EXPECT_THAT(error_of(import + full + "schema = \"[\"\n"), HasSubstr("tier m: schema"));
  EXPECT_THAT(error_of(import + full + "schema = \"{}\"\nescalate = \"q\"\n"),
              HasSubstr("escalate names q"));
  EXPECT_THAT(error_of(import + full + "schema = \"{}\"\nreferences = [\"a b\"]\n"),
              HasSubstr("path -> path"));
  EXPECT_EQ(error_of(import + full + "schema = \"{}\"\n"), "");
}

TEST(SettingsTest, ThePromptsVersionNamesWhatShapesAnswers) {
  Tier tier;
  tier.prompt = "a";
  const std::string before = tier.prompt_version();
  EXPECT_EQ(tier.prompt_version(), before);
  tier.schema = "{}";
  EXPECT_NE(tier.prompt_version(), before);
  tier.schema = "";
  EXPECT_EQ(tier.prompt_version(), before);
  tier.vlm.model = "another";
  EXPECT_NE(tier.prompt_version(), before);
}

TEST(TagValuesTest, AreWhatAPersonCanJudge) {
  const auto document = boost::json::parse(
      R"({"entities": [{"name": "cup", "count": 2, "confidence": 0.5}, {"name": "Cup"}],
          "context": " a  table ", "relationships": [{"subject": "cup", "relation": "on", "object":
          "table"}], "scene": {"place": "kitchen", "indoor": true}, "mood": "", "none": null})");
  std::vector<std::string> texts;
  for (const TagValue& tag : tag_values(document)) texts.push_back(tag.field + "=" + tag.value);
  EXPECT_THAT(texts, ElementsAre("entities=cup", "context=a  table", "relationships=cup on table",
                                 "scene.place=kitchen", "scene.indoor=yes"));
  EXPECT_EQ(tag_values(document)[0].confidence, 0.5);
  EXPECT_EQ(tag_values(document)[0].details, R"({"count":2})");
  EXPECT_EQ(tag_key("  Red \t CAR "), "red car");
}

TEST(ReferencesTest, NamesThatAreNotThereAreFoundAndDropped) {
  const Tier tier = parse_settings(default_settings(), "photos.toml").tiers[2];
  auto document = boost::json::parse(
      R"({"entities": [{"name": "Cup"}], "relationships": [{"subject": "cup", "relation": "on",
          "object": "cup"}, {"subject": "cup", "relation": "left of", "object": "dog"}]})");
  EXPECT_THAT(broken_reference(tier, document), HasSubstr("\"dog\""));
  drop_broken_references(tier, document);
  EXPECT_EQ(broken_reference(tier, document), "");
  EXPECT_EQ(document.at("relationships").as_array().size(), 1U);
}

}  // namespace
}  // namespace saccade::photos
