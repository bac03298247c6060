// Files of labels.
#include "photos/eval/labels.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "saccade/error.h"

namespace saccade::photos::eval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<PhotoName> kPhotos = {{"/home/me/2023/beach.jpg", "aa11"},
                                        {"/home/me/2024/beach.jpg", "bb22"},
                                        {"/home/me/2024/dog.jpg", "cc33"}};

std::string error_of(std::string_view text) {
  try {
    read_labels(text, "labels.jsonl", kPhotos);
    return "no error";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Labels, FindTheirPhotos) {
  const Labels labels = read_labels(
      "{\"photo\": \"dog.jpg\", \"fields\": {\"entities\": [\"dog\"]}}\r\n"
      "\n"
      "{\"photo\": \"aa11\", \"fields\": {}}\n"
      "{\"photo\": \"2024/beach.jpg\", \"fields\": {}}\n"
      "{\"photo\": \"gone.jpg\", \"fields\": {}}",
      "labels.jsonl", kPhotos);
  EXPECT_THAT(labels.photos, ElementsAre(0u, 1u, 2u));
  EXPECT_EQ(labels.fields.at(2).at("entities").as_array().size(), 1u);
  EXPECT_THAT(labels.unknown, ElementsAre("gone.jpg"));
}

TEST(Labels, SayWhatIsWrongWithThem) {
  EXPECT_THAT(error_of("{\"photo\": \"beach.jpg\", \"fields\": {}}"),
              HasSubstr("labels.jsonl: label in line 1: \"beach.jpg\" may be several photos"));
  EXPECT_THAT(error_of("{\"photo\": \"aa11\", \"fields\": {}}\n"
                       "{\"photo\": \"2023/beach.jpg\", \"fields\": {}}"),
              HasSubstr("line 2: \"2023/beach.jpg\" has a label already"));
  EXPECT_THAT(error_of("\n{\"photo\": "), HasSubstr("line 2: not valid JSON"));
  EXPECT_THAT(error_of("{\"photo\": \"aa11\"}"), HasSubstr("\"fields\" is missing"));
  EXPECT_THAT(error_of("{\"photo\": 3, \"fields\": {}}"), HasSubstr("must be a string"));
  EXPECT_THAT(error_of("{\"photo\": \"x\", \"fields\": {}}"),
              HasSubstr("only others, such as \"x\""));
  EXPECT_THAT(error_of(""), HasSubstr("found none"));
}

}  // namespace
}  // namespace saccade::photos::eval
