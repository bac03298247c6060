// What requests to OpenAI's /v1/responses mean.
#include <gmock/gmock.h>

#include "server/openai_responses.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

class Responses : public testing::Test {
 protected:
  Generation read(const std::string& fields) const {
    return read_response(parse_body("{" + fields + "}"), context());
  }
  std::string error_of(const std::string& fields) const {
    try {
      read(fields);
    } catch (const ApiError& error) {
      return fmt::format("{} {}: {}", error.status(), error.param(), error.what());
    }
    return "no error";
  }
  ApiContext context() const { return {options_, "glance", 4096, tokenizer_}; }

  const ServeOptions options_;
  const Tokenizer tokenizer_ = Tokenizer::load(SACCADE_SOURCE_DIR "/assets/glance");
};

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

TEST_F(Responses, RefusesStateToolsAndForms) {
  EXPECT_EQ(error_of(R"("input": "hi", "store": false, "tools": [], "tool_choice": "auto")"),
            "no error");
  for (const char* field :
       {R"("store": true)", R"("previous_response_id": "resp_1")", R"("tools": [{}])",
        R"("background": true)", R"("reasoning": {})", R"("include": ["x"])", R"("hot": 1)"}) {
    const std::string name = std::string(field).substr(1, std::string(field).find('"', 1) - 1);
    EXPECT_THAT(error_of(R"("input": "hi", )" + std::string(field)), HasSubstr("400 " + name));
  }
  EXPECT_THAT(error_of(R"("input": "hi", "text": {"format": {"type": "json_schema"}})"),
              HasSubstr("400 text.format.schema: "));
  EXPECT_THAT(error_of(R"("input": [{"type": "function_call_output"}])"),
              HasSubstr("400 input[0].type: "));
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
