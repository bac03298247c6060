// What OpenAI's requests mean, and the shapes of answers.
#include "server/openai_chat.h"
#include "server/openai_completions.h"
#include "server/request_test.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

class OpenAi : public RequestTest {
 protected:
  OpenAi() : RequestTest(read_chat_completion) {}

  Generation chat(const std::string& body) const {
    return read_chat_completion(parse_body(body), context());
  }
  Generation completion(const std::string& body) const {
    return read_completion(parse_body(body), context());
  }
  /// A chat request with one message and these fields besides.
  Generation chat_with(const std::string& fields) const { return read(kHi + fields); }
  std::string error_of(const std::string& fields) const {
    return RequestTest::error_of(kHi + fields);
  }
  std::string error_in_messages(const std::string& messages) const {
    return RequestTest::error_of(R"("messages": )" + messages);
  }
  const std::string kHi = R"("messages": [{"role": "user", "content": "hi"}], )";
};

const char* const kPicture =
    R"({"type": "image_url", "image_url": {"url": "data:image/png;base64,Zm9v"}})";

TEST_F(OpenAi, KeepsPicturesInTheTurnTheyCameIn) {
  const Generation generation = chat(fmt::format(
      R"({{"messages": [{{"role": "user", "content": [{0}, {{"type": "text", "text": "a"}}]}},
                        {{"role": "assistant", "content": "b"}},
                        {{"role": "user", "content": [{{"type": "text", "text": "c"}}, {0}]}}]}})",
      kPicture));
  ASSERT_EQ(generation.requests.size(), 1u);
  const auto& messages = generation.requests[0].messages;
  ASSERT_EQ(messages.size(), 3u);
  ASSERT_EQ(messages[0].content.size(), 2u);
  EXPECT_EQ(std::get<ImageBytes>(messages[0].content[0]).name,
            "messages[0].content[0].image_url.url");
  EXPECT_EQ(std::get<std::string>(messages[0].content[1]), "a");
  EXPECT_EQ(std::get<std::string>(messages[1].content[0]), "b");
  EXPECT_EQ(std::get<ImageBytes>(messages[2].content[1]).bytes.size(), 3u);
}

TEST_F(OpenAi, TakesEverySamplingField) {
  const Generation generation = chat_with(
      R"("temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1,
         "presence_penalty": 0.2, "frequency_penalty": -0.3, "logit_bias": {"5": 2, "7": -100},
         "seed": -1, "ignore_eos": true, "stop": ["x", "y"], "max_tokens": 7, "logprobs": true,
         "top_logprobs": 3, "min_pixels": 10, "max_pixels": 20, "priority": 2)");
  const Request& request = generation.requests.at(0);
  EXPECT_EQ(request.sampling.temperature, 0.5);
  EXPECT_EQ(request.sampling.top_p, 0.9);
  EXPECT_EQ(request.sampling.top_k, 40);
  EXPECT_EQ(request.sampling.min_p, 0.1);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(request.sampling.presence_penalty, 0.2);
  EXPECT_EQ(request.sampling.frequency_penalty, -0.3);
  EXPECT_THAT(request.sampling.logit_bias, ElementsAre(std::pair(5, 2.0F), std::pair(7, -100.0F)));
  EXPECT_EQ(request.sampling.seed, ~std::uint64_t{0});
  EXPECT_TRUE(request.ignore_end);
  EXPECT_THAT(request.stop, ElementsAre("x", "y"));
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.logprobs, 3);
  EXPECT_EQ(request.min_pixels, 10);
  EXPECT_EQ(request.max_pixels, 20);
  EXPECT_EQ(request.priority, 2);
}

TEST_F(OpenAi, LeavesTheModelItsOwnDefaults) {
  const Request request = chat_with(R"("temperature": null)").requests.at(0);
  EXPECT_EQ(request.sampling.temperature, std::nullopt);
  EXPECT_EQ(request.sampling.seed, std::nullopt);
  EXPECT_EQ(request.logprobs, std::nullopt);
  EXPECT_EQ(request.max_tokens, 4096);
}

TEST_F(OpenAi, GivesEachChoiceItsOwnSeed) {
  const Generation generation = chat_with(R"("n": 3, "seed": 10)");
  ASSERT_EQ(generation.requests.size(), 3u);
  EXPECT_EQ(generation.requests[0].sampling.seed, 10u);
  EXPECT_EQ(generation.requests[2].sampling.seed, 12u);
  EXPECT_EQ(chat_with(R"("n": 2)").requests[1].sampling.seed, std::nullopt);
}

TEST_F(OpenAi, ReadsTheFormOfAnAnswer) {
  const auto form = [&](const std::string& format) {
    return *chat_with("\"response_format\": " + format).requests[0].constraint;
  };
  using Kind = Constraint::Kind;
  EXPECT_EQ(form(R"({"type": "json_object"})").kind, Kind::kJsonObject);
  const Constraint schema = form(
      R"({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": {"type": "string"}}})");
  EXPECT_EQ(schema.kind, Kind::kJsonSchema);
  EXPECT_EQ(schema.texts, std::vector<std::string>{R"({"type":"string"})"});
  EXPECT_EQ(form(R"({"type": "regex", "regex": "a+"})").texts, std::vector<std::string>{"a+"});
  EXPECT_EQ(form(R"({"type": "choice", "choice": ["a", "b"]})").texts,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(form(R"({"type": "grammar", "grammar": "root ::= \"a\""})").kind, Kind::kGbnf);
  EXPECT_FALSE(chat_with(R"("response_format": {"type": "text"})").requests[0].constraint);
}

TEST_F(OpenAi, RefusesFieldsByName) {
  EXPECT_THAT(error_of(R"("temprature": 1)"), HasSubstr("400 temprature: "));
  EXPECT_THAT(error_of(R"("temperature": -1)"), HasSubstr("400 temperature: "));
  EXPECT_THAT(error_of(R"("top_p": 1.5)"), HasSubstr("400 top_p: "));
  EXPECT_THAT(error_of(R"("logit_bias": {"-1": 1})"), HasSubstr("400 logit_bias: "));
  EXPECT_THAT(error_of(R"("logit_bias": {"1": 101})"), HasSubstr("400 logit_bias: "));
  EXPECT_THAT(error_of(R"("logit_bias": {"999999999": 1})"), HasSubstr("400 logit_bias: "));
  EXPECT_THAT(error_of(R"("stop": [""])"), HasSubstr("400 stop: "));
  EXPECT_THAT(error_of(R"("max_tokens": 0)"), HasSubstr("400 max_tokens: "));
  EXPECT_THAT(error_of(R"("n": 17)"), HasSubstr("400 n: "));
  EXPECT_THAT(error_of(R"("top_logprobs": 2)"), HasSubstr("400 top_logprobs: "));
  EXPECT_THAT(error_of(R"("stream_options": {"include_usage": true})"),
              HasSubstr("400 stream_options: "));
  EXPECT_THAT(error_of(R"("response_format": {"type": "yaml"})"),
              HasSubstr("400 response_format.type: "));
  EXPECT_THAT(error_of(R"("response_format": {"type": "json_schema"})"),
              HasSubstr("400 response_format.schema: "));
  EXPECT_THAT(error_of(R"("response_format": {"type": "choice", "choice": ["a", 1]})"),
              HasSubstr("400 response_format.choice: "));
  EXPECT_THAT(error_of(R"("response_format": {"type": "json_object", "schema": {}})"),
              HasSubstr("400 response_format.schema: "));
  EXPECT_THAT(error_of(R"("tool_choice": "required")"), HasSubstr("400 tool_choice: "));
  EXPECT_THAT(error_of(R"("store": true)"), HasSubstr("400 store: "));
  EXPECT_THAT(error_of(R"("min_pixels": 9, "max_pixels": 8)"), HasSubstr("400 min_pixels: "));
  EXPECT_THAT(error_of(R"("chat_template_kwargs": {"messages": []})"),
              HasSubstr("400 chat_template_kwargs: "));
  EXPECT_THAT(error_of(R"("model": "gpt-4")"), HasSubstr("404 model: "));
  EXPECT_EQ(error_of(R"("model": "glance", "user": "me", "response_format": {"type": "text"})"),
            "no error");
  options_.lenient = true;
  EXPECT_EQ(error_of(R"("temprature": 1)"), "no error");
}

TEST_F(OpenAi, RefusesMessagesByPlace) {
  EXPECT_THAT(error_in_messages("[]"), HasSubstr("400 messages: "));
  EXPECT_THAT(error_in_messages("{}"), HasSubstr("400 messages: "));
  EXPECT_THAT(error_in_messages(R"([{"content": "x"}])"), HasSubstr("400 messages[0].role: "));
  EXPECT_THAT(error_in_messages(R"([{"role": "king", "content": "x"}])"),
              HasSubstr("400 messages[0].role: "));
  EXPECT_THAT(error_in_messages(R"([{"role": "user"}])"), HasSubstr("400 messages[0].content: "));
  EXPECT_THAT(error_in_messages(R"([{"role": "user", "content": [{"type": "video_url"}]}])"),
              HasSubstr("400 messages[0].content[0].type: "));
  EXPECT_THAT(error_in_messages(R"([{"role": "user", "content": [{"type": "image_url"}]}])"),
              HasSubstr("400 messages[0].content[0].image_url: "));
  EXPECT_THAT(error_in_messages(R"([{"role": "user", "content": [{"type": "image_url",
                                 "image_url": {"url": "http://x/y.png"}}]}])"),
              HasSubstr("400 messages[0].content[0].image_url.url: "));
  EXPECT_THAT(error_in_messages(R"([{"role": "user", "content": "x", "detial": 1}])"),
              HasSubstr("400 messages[0].detial: "));
}

TEST_F(OpenAi, BoundsPictures) {
  options_.limits.max_images = 1;
  const std::string two = fmt::format(R"([{{"role": "user", "content": [{0}, {0}]}}])", kPicture);
  EXPECT_THAT(error_in_messages(two), HasSubstr("at most 1 pictures"));
}

TEST_F(OpenAi, TakesLowDetailAsABudget) {
  const auto with_detail = [](const char* first, const char* second) {
    return fmt::format(
        R"([{{"role": "user", "content": [
             {{"type": "image_url", "image_url": {{"url": "data:a;base64,Zm9v", "detail": "{}"}}}},
             {{"type": "image_url", "image_url": {{"url": "data:a;base64,Zm9v", "detail": "{}"}}}}
           ]}}])",
        first, second);
  };
  const auto max_pixels = [&](const std::string& messages) {
    return chat(R"({"messages": )" + messages + "}").requests.at(0).max_pixels;
  };
  EXPECT_EQ(max_pixels(with_detail("low", "low")), 512 * 512);
  EXPECT_EQ(max_pixels(with_detail("high", "auto")), std::nullopt);
  EXPECT_THAT(error_in_messages(with_detail("high", "low")), HasSubstr("have one budget"));
  EXPECT_THAT(error_in_messages(with_detail("none", "low")), HasSubstr("wanted auto, low or high"));
}

TEST_F(OpenAi, GivesToolsToTheTemplate) {
  const std::string tool = R"({"type": "function", "function": {"name": "f"}})";
  EXPECT_THAT(chat_with(R"("tools": [)" + tool + "]").requests.at(0).tools, HasSubstr("\"f\""));
  EXPECT_EQ(chat_with(R"("tool_choice": "none", "tools": [)" + tool + "]").requests.at(0).tools,
            "");
  EXPECT_THAT(error_of(R"("tools": [{"type": "function"}])"), HasSubstr("400 tools[0].function: "));
  const Generation generation = chat(
      R"({"messages": [{"role": "user", "content": "x"},
                       {"role": "assistant", "content": null, "tool_calls": [{"id": "1",
                        "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
                       {"role": "tool", "tool_call_id": "1", "content": "2"}]})");
  const auto& messages = generation.requests.at(0).messages;
  // Templates want what the arguments say, not their text.
  EXPECT_THAT(messages[1].fields, HasSubstr(R"("arguments":{"a":1})"));
  EXPECT_THAT(messages[2].fields, HasSubstr(R"("tool_call_id":"1")"));
}

TEST_F(OpenAi, CapsAnswers) {
  options_.limits.max_tokens = 100;
  EXPECT_EQ(chat_with(R"("seed": 1)").requests.at(0).max_tokens, 100);
  EXPECT_EQ(chat_with(R"("max_completion_tokens": 99)").requests.at(0).max_tokens, 99);
  EXPECT_THAT(error_of(R"("max_tokens": 101)"), HasSubstr("at most 100 tokens"));
}

TEST_F(OpenAi, CompletesSeveralPrompts) {
  const Generation generation = completion(R"({"prompt": ["a", "b"], "n": 2, "seed": 5})");
  ASSERT_EQ(generation.requests.size(), 4u);
  EXPECT_EQ(generation.requests[1].prompt, "a");
  EXPECT_EQ(generation.requests[2].prompt, "b");
  EXPECT_EQ(generation.requests[3].sampling.seed, 6u);
  EXPECT_EQ(generation.requests[0].max_tokens, 16);
  EXPECT_THROW(completion(R"({"prompt": ["a", "b"], "n": 9})"), ApiError);
  EXPECT_THROW(completion(R"({"prompt": [1, 2]})"), ApiError);
  EXPECT_THROW(completion(R"({"prompt": []})"), ApiError);
  EXPECT_THROW(completion(R"({"prompt": "a", "echo": true})"), ApiError);
  EXPECT_THROW(completion("{}"), ApiError);
}

TEST_F(OpenAi, CountsASharedPromptOnce) {
  std::vector<Result> results(4);
  for (Result& result : results) result.usage = {.prompt_tokens = 10, .completion_tokens = 2};
  const Generation generation = completion(R"({"prompt": ["a", "b"], "n": 2})");
  const json::value answer = json::parse(generation.format->whole(results));
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 20);
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 8);
  EXPECT_EQ(answer.at("usage").at("total_tokens"), 28);
}

TEST_F(OpenAi, ShowsLogprobsWithTheBytesOfTokens) {
  const std::int32_t id = tokenizer_.encode("cat").at(0);
  Result result;
  result.logprobs = {{{id, -0.5}, {{id, -0.5}, {id, -1e300}}}};
  const Generation generation = chat_with(R"("logprobs": true, "top_logprobs": 2)");
  const json::value answer = json::parse(generation.format->whole({&result, 1}));
  const json::value& token = answer.at("choices").at(0).at("logprobs").at("content").at(0);
  const std::string bytes = tokenizer_.token_bytes(id);
  EXPECT_EQ(token.at("token").as_string(), bytes);
  EXPECT_EQ(token.at("logprob").as_double(), -0.5);
  EXPECT_EQ(token.at("bytes").as_array().size(), bytes.size());
  EXPECT_EQ(token.at("top_logprobs").at(1).at("logprob").as_double(), -9999.0);
}

}  // namespace
}  // namespace saccade::server
