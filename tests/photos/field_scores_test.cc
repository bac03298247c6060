// Agreement with labels, computed by hand.
#include "photos/eval/field_scores.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace saccade::photos::eval {
namespace {

using testing::ElementsAre;
using testing::Pair;

boost::json::object object(std::string_view text) {
  return boost::json::parse(text).as_object();
}

TEST(FieldValues, AreFlatSetsByPath) {
  EXPECT_THAT(field_values(object(R"({"entities": ["dog", " Dog ", "cat"],
                                      "objects": [{"name": "cup", "count": 2},
                                                  {"name": "plate", "count": 2.0}],
                                      "place": {"indoor": true, "room": null}, "tags": []})")),
              ElementsAre(Pair("entities", ElementsAre("\"cat", "\"dog")),
                          Pair("objects.count", ElementsAre("2")),
                          Pair("objects.name", ElementsAre("\"cup", "\"plate")),
                          Pair("place.indoor", ElementsAre("true")),
                          Pair("place.room", ElementsAre()), Pair("tags", ElementsAre())));
}

TEST(FieldValues, FoldCaseAndTellKindsApart) {
  const auto values = [](std::string_view text) { return field_values(object(text)).at("a"); };
  EXPECT_EQ(values(R"({"a": "STRASSE"})"), values(R"({"a": "straße"})"));
  EXPECT_EQ(values(R"({"a": 0.5})"), values(R"({"a": 5e-1})"));
  EXPECT_EQ(values(R"({"a": -0.0})"), values(R"({"a": 0})"));
  EXPECT_NE(values(R"({"a": "2"})"), values(R"({"a": 2})"));
  EXPECT_NE(values(R"({"a": "true"})"), values(R"({"a": true})"));
  EXPECT_NE(values(R"({"a": "dog"})"), values(R"({"a": "dogs"})"));
  EXPECT_NE(values(R"({"a": 9007199254740993})"), values(R"({"a": 9007199254740992})"));
  EXPECT_TRUE(values(R"({"a": "  "})").empty());
}

TEST(Counts, GiveTheThreeScores) {
  const Counts counts{3, 1, 2};
  EXPECT_DOUBLE_EQ(counts.precision(), 3.0 / 4.0);
  EXPECT_DOUBLE_EQ(counts.recall(), 3.0 / 5.0);
  EXPECT_DOUBLE_EQ(counts.f1(), 6.0 / 9.0);
  const Counts nothing;
  EXPECT_EQ(nothing.precision(), 1.0);
  EXPECT_EQ(nothing.recall(), 1.0);
  EXPECT_EQ(nothing.f1(), 1.0);
  const Counts missed{0, 0, 2};
  EXPECT_EQ(missed.precision(), 0.0);
  EXPECT_EQ(missed.recall(), 0.0);
  EXPECT_EQ(missed.f1(), 0.0);
  const Counts invented{0, 2, 0};
  EXPECT_EQ(invented.precision(), 0.0);
  EXPECT_EQ(invented.recall(), 0.0);
}

TEST(FieldScorer, CountsByField) {
  const auto label =
      object(R"({"entities": ["dog", "cat", "ball"], "objects": [{"name": "cup"}]})");
  const FieldScorer scorer({label});
  ASSERT_THAT(scorer.paths(), ElementsAre("entities", "objects.name"));
  const auto answer = object(R"({"entities": ["Dog", "cat", "bird"], "mood": "calm",
                                 "objects": [{"name": "Cup", "colour": "red"}]})");
  const auto scores = scorer.score(label, &answer);
  EXPECT_EQ(scores.at(0), (Counts{2, 1, 1}));
  EXPECT_EQ(scores.at(1), (Counts{1, 0, 0})) << "nobody labelled colours";
  EXPECT_EQ(total(scores), (Counts{3, 1, 1}));
}

TEST(FieldScorer, HasNothingOfNoAnswer) {
  const auto label = object(R"({"entities": ["dog", "cat"], "count": 2})");
  const FieldScorer scorer({label});
  EXPECT_EQ(total(scorer.score(label, nullptr)), (Counts{0, 0, 3}));
}

TEST(FieldScorer, JudgesOnlyWhatThePhotoIsLabelledWith) {
  const auto first = object(R"({"entities": ["dog"]})");
  const auto second = object(R"({"mood": "calm"})");
  const FieldScorer scorer({first, second});
  ASSERT_THAT(scorer.paths(), ElementsAre("entities", "mood"));
  const auto answer = object(R"({"entities": ["dog"], "mood": "wild"})");
  const auto scores = scorer.score(first, &answer);
  EXPECT_EQ(scores.at(0), (Counts{1, 0, 0}));
  EXPECT_FALSE(scores.at(1).has_value());
}

TEST(FieldScorer, TakesAnEmptyListForASaying) {
  const auto none = object(R"({"objects": []})");
  const auto some = object(R"({"objects": [{"name": "cup"}]})");
  const auto two = object(R"({"objects": [{"name": "cup"}, {"name": "plate"}]})");
  const FieldScorer scorer({none, some});
  ASSERT_THAT(scorer.paths(), ElementsAre("objects.name"));
  EXPECT_EQ(total(scorer.score(none, &two)), (Counts{0, 2, 0}));
  EXPECT_EQ(total(scorer.score(none, &none)), (Counts{0, 0, 0}));
  const FieldScorer always_empty({none});
  EXPECT_EQ(total(always_empty.score(none, &two)), (Counts{0, 2, 0}));
}

TEST(FieldScorer, CountsAnotherShapeAsWrong) {
  const auto label = object(R"({"entities": ["dog"]})");
  const auto answer = object(R"({"entities": [{"name": "dog"}], "entitiesx": ["dog"]})");
  EXPECT_EQ(total(FieldScorer({label}).score(label, &answer)), (Counts{0, 1, 1}));
  const auto alone = object(R"({"entities": "dog"})");
  EXPECT_EQ(total(FieldScorer({label}).score(label, &alone)), (Counts{1, 0, 0}));
}

}  // namespace
}  // namespace saccade::photos::eval
