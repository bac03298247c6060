// What Anthropic's requests mean.
#include "server/anthropic_messages.h"
#include "server/request_test.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

class AnthropicTest : public RequestTest {
 protected:
  AnthropicTest() : RequestTest(read_anthropic_message) {}
};

const std::string kHi = R"("max_tokens": 5, "messages": [{"role": "user", "content": "hi"}])";

TEST_F(AnthropicTest, PutsTheSystemPromptFirst) {
  const Request request = read(R"("system": [{"type": "text", "text": "Be brief.",
      "cache_control": {"type": "ephemeral"}}], "stop_sequences": ["x"], )" +
                               kHi)
                              .requests.at(0);
  ASSERT_EQ(request.messages.size(), 2u);
  EXPECT_EQ(request.messages[0].role, "system");
  EXPECT_EQ(std::get<std::string>(request.messages[0].content.at(0)), "Be brief.");
  EXPECT_THAT(request.stop, ElementsAre("x"));
  EXPECT_EQ(request.max_tokens, 5);
}

TEST_F(AnthropicTest, RefusesByName) {
  EXPECT_EQ(error_of(kHi), "no error");
  EXPECT_THAT(error_of(R"("messages": [{"role": "user", "content": "hi"}])"),
              HasSubstr("400 max_tokens: max_tokens is missing"));
  EXPECT_THAT(error_of(kHi + R"(, "tools": [{"name": "f"}])"),
              HasSubstr("400 tools[0].input_schema: "));
  EXPECT_THAT(error_of(kHi + R"(, "tools": [{"type": "bash_20250124", "name": "bash"}])"),
              HasSubstr("400 tools[0].type: "));
  EXPECT_THAT(error_of(kHi + R"(, "tool_choice": {"type": "any"})"),
              HasSubstr("400 tool_choice: "));
  EXPECT_THAT(error_of(kHi + R"(, "thinking": {"type": "enabled", "budget_tokens": 5})"),
              HasSubstr("400 thinking: thinking: this model's chat template knows no reasoning"));
  EXPECT_THAT(error_of(kHi + R"(, "thinking": {"type": "enabled"})"),
              HasSubstr("400 thinking.budget_tokens: "));
  EXPECT_THAT(error_of(kHi + R"(, "thinking": {"type": "deep"})"),
              HasSubstr("400 thinking.type: "));
  EXPECT_EQ(error_of(kHi + R"(, "thinking": {"type": "disabled"})"), "no error");
  EXPECT_THAT(error_of(kHi + R"(, "output_config": {"effort": "low"})"),
              HasSubstr("400 output_config.effort: "));
  EXPECT_THAT(error_of(kHi + R"(, "n": 2)"), HasSubstr("400 n: "));
  EXPECT_THAT(error_of(kHi + R"(, "output_config": {"format": {"type": "yaml"}})"),
              HasSubstr("400 output_config.format.type: "));
  EXPECT_THAT(error_of(R"("max_tokens": 5, "messages": [{"role": "system", "content": "x"}])"),
              HasSubstr("400 messages[0].role: "));
  EXPECT_THAT(error_of(R"("max_tokens": 5, "messages": [{"role": "user", "content": "x"},
                        {"role": "assistant", "content": "y"}])"),
              HasSubstr("400 messages: messages: the last one must be the user's"));
  EXPECT_THAT(error_of(R"("max_tokens": 5, "messages": [{"role": "user", "content":
                        [{"type": "image", "source": {"type": "url", "url": "https://x"}}]}])"),
              HasSubstr("400 messages[0].content[0].source.url: "));
  EXPECT_THAT(error_of(R"("max_tokens": 5, "messages": [{"role": "assistant", "content":
                        [{"type": "image"}]}])"),
              HasSubstr("400 messages[0].content[0].type: "));
}

TEST_F(AnthropicTest, CallsAndResultsInTheirTurns) {
  const Generation generation = read(R"("max_tokens": 5, "tools": [{"name": "f", "description": "d",
      "input_schema": {"type": "object"}}], "messages": [
      {"role": "user", "content": "hi"},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "2"}]},
        {"type": "text", "text": "and?"}]}])");
  const Request& request = generation.requests.at(0);
  ASSERT_EQ(request.messages.size(), 4u);
  EXPECT_THAT(request.messages[1].fields,
              HasSubstr(R"("function":{"name":"f","arguments":{"a":1}})"));
  EXPECT_THAT(request.messages[1].fields, HasSubstr(R"("reasoning_content":"hm")"));
  EXPECT_EQ(request.messages[2].role, "tool");
  EXPECT_EQ(std::get<std::string>(request.messages[2].content.at(0)), "2");
  EXPECT_THAT(request.messages[2].fields, HasSubstr(R"("tool_call_id":"t1")"));
  EXPECT_EQ(std::get<std::string>(request.messages[3].content.at(0)), "and?");
  EXPECT_THAT(request.tools,
              HasSubstr(R"("function":{"name":"f","description":"d","parameters":)"));
}

TEST_F(AnthropicTest, HoldsAnswersToASchema) {
  EXPECT_FALSE(read(kHi).requests.at(0).constraint);
  const auto constraint = read(kHi + R"(, "output_config": {"format": {"type": "json_schema",
      "schema": {"type": "integer"}}})")
                              .requests.at(0)
                              .constraint;
  ASSERT_TRUE(constraint);
  EXPECT_EQ(constraint->kind, Constraint::Kind::kJsonSchema);
}

TEST_F(AnthropicTest, StreamsEventsInTheirOrder) {
  const Generation generation = read(kHi);
  const Usage usage = {.prompt_tokens = 9};
  Result result;
  result.text = "ab";
  result.finish_reason = FinishReason::kLength;
  result.usage = {.prompt_tokens = 9, .completion_tokens = 2, .cached_tokens = 4};
  AnswerFormat& format = *generation.format;
  std::string stream = format.stream_prompt(0, usage);
  stream += format.stream_piece(0, "ab", {});
  stream += format.stream_piece(0, "", {});
  stream += format.stream_choice_end(0, result);
  stream += format.stream_end({&result, 1});
  EXPECT_THAT(event_names(stream),
              ElementsAre("message_start", "content_block_start", "content_block_delta",
                          "content_block_stop", "message_delta", "message_stop"));
  EXPECT_THAT(stream, HasSubstr(R"("stop_reason":"max_tokens")"));
  EXPECT_THAT(stream, HasSubstr(R"("input_tokens":5)"));  // what came from the cache is told apart
  EXPECT_THAT(stream, HasSubstr(R"("cache_read_input_tokens":4)"));
  EXPECT_THAT(format.stream_error(ApiError(503, "stopping")),
              HasSubstr("event: error\ndata: {\"type\":\"error\""));
}

TEST_F(AnthropicTest, NamesTheStopTextThatEndedTheAnswer) {
  const Generation generation = read(R"("stop_sequences": ["x"], )" + kHi);
  Result result;
  result.text = "a";
  EXPECT_THAT(generation.format->stream_choice_end(0, result),
              HasSubstr(R"("delta":{"stop_reason":"end_turn","stop_sequence":null})"));
  result.stop_text = "x";
  const json::value whole = json::parse(generation.format->whole({&result, 1}));
  EXPECT_EQ(whole.at("stop_reason"), "stop_sequence");
  EXPECT_EQ(whole.at("stop_sequence"), "x");
  EXPECT_THAT(generation.format->stream_choice_end(0, result),
              HasSubstr(R"("delta":{"stop_reason":"stop_sequence","stop_sequence":"x"})"));
}

}  // namespace
}  // namespace saccade::server
