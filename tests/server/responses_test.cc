// What requests to OpenAI's /v1/responses mean.
#include "server/openai_responses.h"
#include "server/request_test.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

class Responses : public RequestTest {
 protected:
  Responses() : RequestTest(read_response) {}
};

// Of a model that calls as Hermes does, and thinks.
constexpr const char* kTemplate =
    R"({%- for m in messages -%}<{{ m.role }}>{{ m.content }}
{%- for c in m.tool_calls -%}
{{ '<tool_call>\n{"name": "' + c.function.name + '", "arguments": ' + (c.function.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor -%}{%- endfor -%}{%- if add_generation_prompt -%}<assistant><think>
{% endif -%})";

TEST_F(Responses, ReadsInstructionsAndInput) {
  const Request text = read(R"("instructions": "Be brief.", "input": "hi")").requests.at(0);
  ASSERT_EQ(text.messages.size(), 2u);
  EXPECT_EQ(text.messages[0].role, "system");
  EXPECT_EQ(std::get<std::string>(text.messages[1].content.at(0)), "hi");
  const Request items =
      read(R"("input": [{"role": "user", "content": [{"type": "input_image", "detail": "low",
                          "image_url": "data:image/png;base64,Zm9v"},
                         {"type": "input_text", "text": "a"}]},
                        {"type": "message", "id": "msg_1", "status": "completed",
                         "role": "assistant", "content": [{"type": "output_text", "text": "b",
                                                           "annotations": []}]},
                        {"role": "developer", "content": "c"}])")
          .requests.at(0);
  ASSERT_EQ(items.messages.size(), 3u);
  EXPECT_EQ(std::get<ImageBytes>(items.messages[0].content.at(0)).bytes.size(), 3u);
  EXPECT_EQ(items.max_pixels, 512 * 512);
  EXPECT_EQ(items.messages[1].role, "assistant");
  EXPECT_EQ(items.messages[2].role, "system");
}

TEST_F(Responses, CallsAndResultsInTheirTurns) {
  const Request request = read(R"("tools": [{"type": "function", "name": "f", "strict": true,
      "description": "d", "parameters": {"type": "object"}}], "tool_choice": "none", "input": [
      {"role": "user", "content": "hi"},
      {"type": "reasoning", "id": "rs_1", "summary": [],
       "content": [{"type": "reasoning_text", "text": "hm"}]},
      {"type": "message", "role": "assistant", "content": [{"type": "output_text",
       "text": "Let me see.", "parsed": null}]},
      {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f",
       "arguments": "{\"a\": 1}", "status": "completed", "parsed_arguments": null},
      {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{"},
      {"type": "function_call_output", "call_id": "c1", "output": "2"},
      {"type": "function_call_output", "call_id": "c2",
       "output": [{"type": "input_text", "text": "3"}]},
      {"type": "function_call", "call_id": "c3", "name": "f", "arguments": "{}"}])")
                              .requests.at(0);
  EXPECT_EQ(request.tools, "");  // with "none" the model does not hear of them
  ASSERT_EQ(request.messages.size(), 5u);
  const Message& turn = request.messages[1];
  EXPECT_EQ(turn.role, "assistant");
  EXPECT_EQ(std::get<std::string>(turn.content.at(0)), "Let me see.");
  const json::value fields = json::parse(turn.fields);
  EXPECT_EQ(fields.at("reasoning_content"), "hm");
  ASSERT_EQ(fields.at("tool_calls").as_array().size(), 2u);
  EXPECT_EQ(json::serialize(fields.at("tool_calls").at(0)),
            R"({"id":"c1","type":"function","function":{"name":"f","arguments":{"a":1}}})");
  EXPECT_EQ(fields.at("tool_calls").at(1).at("function").at("arguments"), "{");
  EXPECT_EQ(request.messages[2].role, "tool");
  EXPECT_EQ(request.messages[2].fields, R"({"tool_call_id":"c1"})");
  EXPECT_EQ(std::get<std::string>(request.messages[3].content.at(0)), "3");
  EXPECT_EQ(request.messages[4].role, "assistant");
  EXPECT_TRUE(request.messages[4].content.empty());
}

TEST_F(Responses, GivesToolsToTheTemplate) {
  const Generation generation =
      read(R"("input": "hi", "tools": [{"type": "function", "name": "f", "parameters": null}])");
  EXPECT_EQ(generation.requests.at(0).tools,
            R"([{"type":"function","function":{"name":"f","description":"",)"
            R"("parameters":{"type":"object","properties":{}}}}])");
  for (const char* tools :
       {R"([{"type": "web_search"}])", R"([{"type": "function"}])",
        R"([{"type": "function", "name": "f", "parameters": {"type": "array"}}])",
        R"([{"type": "function", "name": "f", "function": {}}])"}) {
    EXPECT_THAT(error_of(R"("input": "hi", "tools": )" + std::string(tools)),
                HasSubstr("400 tools[0]"));
  }
  EXPECT_THAT(error_of(R"("input": "hi", "tool_choice": {"type": "function", "name": "f"})"),
              HasSubstr("400 tool_choice: "));
  EXPECT_THAT(error_of(R"("input": "hi", "tool_choice": {"type": "file_search"})"),
              HasSubstr("400 tool_choice.type: "));
}

/// An answer with all that there is, however it is cut.
TEST_F(Responses, TellsReasoningTextAndCallsApart) {
  use_template(kTemplate);
  const std::string fields =
      R"("input": "hi", "tools": [{"type": "function", "name": "f"}, {"type": "function",
         "name": "g", "parameters": {}}])";
  Result result;
  result.text =
      "Hm.\n</think>\n\nSo: <tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n"
      "<tool_call>\n{\"name\": \"g\", \"arguments\": {\"a\": 1}}\n</tool_call>";
  result.usage = {.completion_tokens = 9, .reasoning_tokens = 3};
  const json::value whole = json::parse(read(fields).format->whole({&result, 1}));
  EXPECT_EQ(whole.at("status"), "completed");
  EXPECT_EQ(whole.at("usage").at("output_tokens_details").at("reasoning_tokens"), 3);
  EXPECT_EQ(whole.at("tools").as_array().size(), 2u);
  const json::array& items = whole.at("output").as_array();
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[0].at("type"), "reasoning");
  EXPECT_EQ(items[0].at("content").at(0).at("text"), "Hm.");
  EXPECT_EQ(items[1].at("content").at(0).at("text"), "So:");
  EXPECT_EQ(items[2].at("type"), "function_call");
  EXPECT_EQ(items[2].at("name"), "f");
  EXPECT_EQ(items[3].at("arguments"), R"({"a": 1})");
  EXPECT_NE(items[2].at("call_id"), items[3].at("call_id"));
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, result.text.size()}) {
    const Generation generation = read(fields);
    AnswerFormat& format = *generation.format;
    std::string stream = format.stream_prompt(0, {});
    for (std::size_t i = 0; i < result.text.size(); i += size) {
      stream += format.stream_piece(0, result.text.substr(i, size), {});
    }
    stream += format.stream_choice_end(0, result);
    stream += format.stream_end({&result, 1});
    const std::string_view mark = "\"sequence_number\":";
    int number = 0;
    for (std::size_t at = 0; (at = stream.find(mark, at)) != std::string::npos; ++number) {
      EXPECT_EQ(std::stoi(stream.substr(at += mark.size())), number);
    }
    std::vector<std::string> names = event_names(stream);
    names.erase(std::ranges::unique(names).begin(), names.end());
    const std::string r = "response.";
    EXPECT_THAT(
        names,
        testing::ElementsAre(
            r + "created", r + "in_progress", r + "output_item.added", r + "content_part.added",
            r + "reasoning_text.delta", r + "reasoning_text.done", r + "content_part.done",
            r + "output_item.done", r + "output_item.added", r + "content_part.added",
            r + "output_text.delta", r + "output_text.done", r + "content_part.done",
            r + "output_item.done", r + "output_item.added", r + "function_call_arguments.delta",
            r + "function_call_arguments.done", r + "output_item.done", r + "output_item.added",
            r + "function_call_arguments.delta", r + "function_call_arguments.done",
            r + "output_item.done", r + "completed"));
  }
}

TEST_F(Responses, RefusesStateToolsAndForms) {
  EXPECT_EQ(error_of(R"("input": "hi", "store": false, "tools": [], "tool_choice": "auto")"),
            "no error");
  for (const char* field :
       {R"("store": true)", R"("previous_response_id": "resp_1")", R"("max_tool_calls": 1)",
        R"("background": true)", R"("reasoning": {"effort": "low"})", R"("include": ["x"])",
        R"("hot": 1)"}) {
    const std::string name = std::string(field).substr(1, std::string(field).find('"', 1) - 1);
    EXPECT_THAT(error_of(R"("input": "hi", )" + std::string(field)), HasSubstr("400 " + name));
  }
  EXPECT_THAT(error_of(R"("input": "hi", "text": {"format": {"type": "json_schema"}})"),
              HasSubstr("400 text.format.schema: "));
  EXPECT_THAT(error_of(R"("input": [{"type": "function_call_output"}])"),
              HasSubstr("400 input[0].call_id: "));
  EXPECT_THAT(error_of(R"("input": [{"type": "computer_call"}])"),
              HasSubstr("400 input[0].type: "));
  EXPECT_THAT(error_of(R"("input": [{"type": "function_call", "arguments": {}}])"),
              HasSubstr("400 input[0].arguments: "));
  EXPECT_THAT(error_of(R"("model": "glance")"), HasSubstr("400 input: input is missing"));
}

TEST_F(Responses, RepeatsWhatWasAskedFor) {
  const Generation generation =
      read(R"("input": "hi", "instructions": "Be brief.", "temperature": 0.5,
              "max_output_tokens": 7)");
  Result result;
  result.text = "a";
  result.finish_reason = FinishReason::kLength;
  const json::value answer = json::parse(generation.format->whole({&result, 1}));
  EXPECT_EQ(answer.at("status"), "incomplete");
  EXPECT_EQ(answer.at("incomplete_details").at("reason"), "max_output_tokens");
  EXPECT_EQ(answer.at("instructions"), "Be brief.");
  EXPECT_EQ(answer.at("temperature"), 0.5);
  EXPECT_EQ(answer.at("max_output_tokens"), 7);
  EXPECT_EQ(answer.at("store"), false);
  EXPECT_EQ(answer.at("output").at(0).at("content").at(0).at("text"), "a");
}

}  // namespace
}  // namespace saccade::server
