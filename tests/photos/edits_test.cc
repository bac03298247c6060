#include "photos/edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "photos/answers.h"
#include "photos/photo_list.h"
#include "photos/test_library.h"

namespace saccade::photos {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class EditsTest : public testing::Test {
 protected:
  EditsTest() : photo_(test_.add_photo(1, 0)) {}

  void say(const std::string& document) {
    test_.library.database().write([&](Connection& connection) {
      store_answer(
          connection,
          {.photo = photo_, .tier = "small", .model = "m", .prompt = "p", .document = document}, 1);
    });
  }
  void edit(Edit edit) {
    edit.photo = photo_;
    test_.library.database().write(
        [&](Connection& connection) { apply_edit(connection, edit, 2); });
  }
  bool take_back() {
    return test_.library.database().write(
        [](Connection& connection) { return undo(connection).has_value(); });
  }
  bool again() {
    return test_.library.database().write(
        [](Connection& connection) { return redo(connection).has_value(); });
  }
  std::int64_t tag(const std::string& value) {
    return test_.library.database().read([&](Connection& connection) {
      return query_integer(connection, "SELECT id FROM tags WHERE value = ?1", value);
    });
  }
  /// "value state" of all tags.
  std::vector<std::string> tags() {
    return test_.library.database().read([](Connection& connection) {
      std::vector<std::string> texts;
      auto rows = sql(connection, "SELECT value || ' ' || state FROM tags ORDER BY id");
      while (rows.executeStep()) texts.push_back(rows.getColumn(0).getString());
      return texts;
    });
  }
  /// In how many rows the counts of tags differ from the tags.
  std::int64_t miscounted() {
    return test_.library.database().read([&](Connection& connection) {
      const std::string counted =
          "SELECT field, key, COUNT(*) FROM tags WHERE state NOT IN ('rejected', 'merged') GROUP "
          "BY "
          "field, key";
      const std::string kept = "SELECT field, key, photos FROM tag_counts";
      return query_integer(connection, "SELECT COUNT(*) FROM (SELECT * FROM (" + counted +
                                           " EXCEPT " + kept + ") UNION ALL SELECT * FROM (" +
                                           kept + " EXCEPT " + counted + "))");
    });
  }
  std::int64_t found(const std::string& words) {
    return test_.library.database().read(
        [&](Connection& connection) { return count_photos(connection, {.text = words}); });
  }

  TestLibrary test_;
  const std::int64_t photo_;
};

TEST_F(EditsTest, NoTierOverwritesWhatAPersonSaid) {
  say(R"({"entities": ["dog", "cat", "car"]})");
  edit({.kind = Edit::Kind::kAccept, .tags = {tag("dog")}});
  edit({.kind = Edit::Kind::kReject, .tags = {tag("cat")}});
  edit({.kind = Edit::Kind::kEdit, .tags = {tag("car")}, .value = "lorry"});
  edit({.kind = Edit::Kind::kAdd, .field = "entities", .value = "street"});
  say(R"({"entities": ["Cat", "car", "tree", "STREET"]})");
  EXPECT_THAT(tags(), UnorderedElementsAre("dog accepted", "cat rejected", "lorry edited",
                                           "street added", "tree proposed"));
  say(R"({"entities": []})");
  EXPECT_THAT(tags(),
              UnorderedElementsAre("dog accepted", "cat rejected", "lorry edited", "street added"));
}

TEST_F(EditsTest, MergedTagsAreOneAndDoNotComeBack) {
  say(R"({"entities": ["cup", "mug", "coffee cup"]})");
  edit({.kind = Edit::Kind::kMerge,
        .tags = {tag("cup"), tag("mug"), tag("coffee cup")},
        .value = "mug"});
  EXPECT_THAT(tags(), UnorderedElementsAre("mug edited", "mug merged", "coffee cup merged"));
  say(R"({"entities": ["cup", "coffee cup", "mug", "plate"]})");
  EXPECT_THAT(tags(), UnorderedElementsAre("mug edited", "mug merged", "coffee cup merged",
                                           "plate proposed"));
  ASSERT_TRUE(take_back());
  EXPECT_THAT(tags(), UnorderedElementsAre("cup proposed", "mug proposed", "coffee cup proposed",
                                           "plate proposed"));
}

TEST_F(EditsTest, WhatIsRejectedIsNotFound) {
  say(R"({"entities": ["dog", "red car"]})");
  EXPECT_EQ(found("car"), 1);
  EXPECT_EQ(found("cars"), 1) << "other forms of a word";
  edit({.kind = Edit::Kind::kReject, .tags = {tag("red car")}});
  EXPECT_EQ(found("car"), 0);
  ASSERT_TRUE(take_back());
  EXPECT_EQ(found("car"), 1);
}

TEST_F(EditsTest, WordsAreNoOperators) {
  say(R"({"entities": ["dog"]})");
  for (const char* words :
       {"\"", "dog AND", "NOT dog", "dog*", "(", "tags:dog", "-", "a\" OR \"b"}) {
    EXPECT_NO_THROW(found(words)) << words;
  }
}

TEST_F(EditsTest, MistakesAreSaid) {
  say(R"({"entities": ["dog"]})");
  EXPECT_THROW(edit({.kind = Edit::Kind::kAccept}), Error);
  EXPECT_THROW(edit({.kind = Edit::Kind::kAccept, .tags = {12345}}), Error);
  EXPECT_THROW(edit({.kind = Edit::Kind::kEdit, .tags = {tag("dog")}, .value = "  "}), Error);
  EXPECT_THROW(edit({.kind = Edit::Kind::kMerge, .tags = {tag("dog")}, .value = "cat"}), Error);
  EXPECT_THROW(edit({.kind = Edit::Kind::kName, .value = "Ada"}), Error);
  EXPECT_THAT(tags(), ElementsAre("dog proposed"));
  EXPECT_FALSE(take_back());
}

TEST_F(EditsTest, ANewActionForgetsWhatWasUndone) {
  say(R"({"entities": ["dog", "cat"]})");
  edit({.kind = Edit::Kind::kAccept, .tags = {tag("dog")}});
  ASSERT_TRUE(take_back());
  edit({.kind = Edit::Kind::kAccept, .tags = {tag("cat")}});
  EXPECT_FALSE(again());
}

// Any number of edits taken back leaves what was before each of them, and done again what came
// after, also when a tier speaks in between.
TEST_F(EditsTest, UndoIsExact) {
  for (std::uint32_t seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    const std::vector<std::string> words = {"dog", "cat", "cup", "mug", "tree"};
    const auto word = [&] { return words[random() % words.size()]; };
    test_.library.database().write([](Connection& connection) {
      execute(connection, "DELETE FROM tags");
      execute(connection, "DELETE FROM actions");
    });
    say(R"({"entities": ["dog", "cat", "cup"], "mood": "calm"})");
    std::vector<std::vector<std::string>> states = {tags()};
    for (int i = 0; i < 8; ++i) {
      std::vector<std::int64_t> ids = test_.library.database().read([](Connection& connection) {
        std::vector<std::int64_t> all;
        auto rows = sql(connection, "SELECT id FROM tags WHERE state <> 'merged' ORDER BY id");
        while (rows.executeStep()) all.push_back(rows.getColumn(0).getInt64());
        return all;
      });
      std::ranges::shuffle(ids, random);
      const auto kind = static_cast<Edit::Kind>(random() % 5);
      const std::size_t wanted = kind == Edit::Kind::kMerge ? 2 : 1;
      if (ids.size() < wanted) continue;
      ids.resize(wanted);
      edit({.kind = kind, .tags = ids, .field = "entities", .value = word()});
      states.push_back(tags());
      ASSERT_EQ(miscounted(), 0) << seed;
    }
    for (std::size_t i = states.size() - 1; i-- > 0;) {
      ASSERT_TRUE(take_back());
      ASSERT_EQ(miscounted(), 0) << seed;
      EXPECT_EQ(tags(), states[i]) << "seed " << seed << ", undo to " << i;
    }
    EXPECT_FALSE(take_back());
    for (std::size_t i = 1; i < states.size(); ++i) {
      ASSERT_TRUE(again());
      EXPECT_EQ(tags(), states[i]) << "seed " << seed << ", redo to " << i;
    }
  }
}

}  // namespace
}  // namespace saccade::photos
