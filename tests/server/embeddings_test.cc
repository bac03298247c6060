// What requests for embeddings mean, and the shape of the answer.
#include <gmock/gmock.h>

#include <cstring>

#include "server/base64.h"
#include "server/openai_embeddings.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

class EmbeddingsRequest : public testing::Test {
 protected:
  Generation read(const std::string& body) const {
    return read_embeddings(parse_body(body), {.options = options_,
                                              .model_name = "glance",
                                              .context_length = 4096,
                                              .tokenizer = tokenizer_,
                                              .embedding_size = 3});
  }
  std::string error_of(const std::string& body) const {
    try {
      read(body);
    } catch (const ApiError& error) {
      return fmt::format("{} {}: {}", error.status(), error.param(), error.what());
    }
    return "no error";
  }

  ServeOptions options_;
  const Tokenizer tokenizer_ = Tokenizer::load(SACCADE_SOURCE_DIR "/assets/glance");
};

const char* const kPicture =
    R"({"type": "image_url", "image_url": {"url": "data:image/png;base64,Zm9v", "detail": "low"}})";

TEST_F(EmbeddingsRequest, TakesTextsTokensAndPictures) {
  const Generation one = read(R"({"model": "glance", "input": "a", "user": "me"})");
  ASSERT_EQ(one.requests.size(), 1u);
  EXPECT_EQ(one.requests[0].prompt, "a");
  EXPECT_EQ(one.requests[0].embedding, Embedding::kMean);
  EXPECT_FALSE(one.stream);
  EXPECT_THAT(read(R"({"input": [5, 6]})").requests.at(0).prompt_ids, ElementsAre(5, 6));

  const Generation several =
      read(fmt::format(R"({{"input": ["a", [7, 8], {{"type": "text", "text": "b"}}, {}],
                      "max_pixels": 300000, "priority": 3}})",
                       kPicture));
  ASSERT_EQ(several.requests.size(), 4u);
  EXPECT_EQ(several.requests[0].prompt, "a");
  EXPECT_THAT(several.requests[1].prompt_ids, ElementsAre(7, 8));
  EXPECT_EQ(several.requests[2].prompt, "b");
  const Request& picture = several.requests[3];
  EXPECT_EQ(picture.embedding, Embedding::kPicture);
  EXPECT_EQ(std::get<ImageBytes>(picture.messages.at(0).content.at(0)).name,
            "input[3].image_url.url");
  EXPECT_EQ(picture.max_pixels, 512 * 512);
  for (const Request& request : several.requests) EXPECT_EQ(request.priority, 3);

  EXPECT_EQ(read(R"({"input": "a", "pooling": "last"})").requests[0].embedding,
            Embedding::kLastToken);
  EXPECT_EQ(read(R"({"input": "a", "dimensions": 3})").requests.size(), 1u);
}

TEST_F(EmbeddingsRequest, RefusesByNameWhatItDoesNotDo) {
  EXPECT_THAT(error_of("{}"), HasSubstr("400 input:"));
  EXPECT_THAT(error_of(R"({"input": []})"), HasSubstr("at least one"));
  EXPECT_THAT(error_of(R"({"input": ""})"), HasSubstr("400 input: input: wanted a text that is"));
  EXPECT_THAT(error_of(R"({"input": ["a", ""]})"), HasSubstr("400 input[1]:"));
  EXPECT_THAT(error_of(R"({"input": ["a", 5]})"), HasSubstr("400 input[1]:"));
  EXPECT_THAT(error_of(R"({"input": [[]]})"), HasSubstr("400 input[0]:"));
  EXPECT_THAT(error_of(R"({"input": [1, -2]})"), HasSubstr("wanted token ids from 0 to"));
  EXPECT_THAT(error_of(R"({"input": [[1, 2.5]]})"), HasSubstr("400 input[0]:"));
  EXPECT_THAT(error_of(R"({"input": [{"type": "audio"}]})"), HasSubstr("400 input[0].type:"));
  EXPECT_THAT(error_of(R"({"input": [{"type": "text", "text": "a", "b": 1}]})"),
              HasSubstr("400 input[0].b:"));
  EXPECT_THAT(error_of(R"({"input": "a", "dimensions": 2})"),
              HasSubstr("this model's embeddings have 3 numbers"));
  EXPECT_THAT(error_of(R"({"input": "a", "encoding_format": "int8"})"),
              HasSubstr("wanted float or base64"));
  EXPECT_THAT(error_of(R"({"input": "a", "pooling": "max"})"), HasSubstr("wanted mean or last"));
  EXPECT_THAT(error_of(fmt::format(R"({{"input": [{}], "pooling": "last"}})", kPicture)),
              HasSubstr("400 pooling:"));
  EXPECT_THAT(error_of(R"({"input": "a", "inputs": 1})"), HasSubstr("400 inputs:"));
  EXPECT_THAT(error_of(R"({"input": "a", "model": "other"})"), HasSubstr("404 model:"));
  options_.service.max_waiting = 2;
  EXPECT_THAT(error_of(R"({"input": ["a", "b", "c"]})"), HasSubstr("at most 2 to a request"));
  options_.limits.max_images = 1;
  EXPECT_THAT(error_of(fmt::format(R"({{"input": [{0}, {0}]}})", kPicture)),
              HasSubstr("at most 1 pictures"));
}

TEST_F(EmbeddingsRequest, AreAnsweredInOrder) {
  std::vector<Result> results(2);
  results[0].embedding = {0.5f, -1.0f, 0.1f};
  results[1].embedding = {1.0f, 0.0f, 0.0f};
  results[0].usage.prompt_tokens = 4;
  results[1].usage.prompt_tokens = 5;
  const json::value floats = json::parse(read(R"({"input": ["a", "b"]})").format->whole(results));
  EXPECT_EQ(floats.at("object").as_string(), "list");
  EXPECT_EQ(floats.at("model").as_string(), "glance");
  EXPECT_EQ(floats.at("usage").at("prompt_tokens").as_int64(), 9);
  EXPECT_EQ(floats.at("usage").at("total_tokens").as_int64(), 9);
  const json::array& data = floats.at("data").as_array();
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data[1].at("index").to_number<int>(), 1);
  EXPECT_EQ(static_cast<float>(data[0].at("embedding").at(2).to_number<double>()), 0.1f);

  const json::value text = json::parse(
      read(R"({"input": ["a", "b"], "encoding_format": "base64"})").format->whole(results));
  const auto bytes = decode_base64(std::string(text.at("data").at(0).at("embedding").as_string()));
  ASSERT_TRUE(bytes && bytes->size() == 12);
  std::vector<float> values(3);
  std::memcpy(values.data(), bytes->data(), bytes->size());
  EXPECT_EQ(values, results[0].embedding);
}

}  // namespace
}  // namespace saccade::server
