// Calls of tools as clients see them. The model has random weights: what makes its calls right is
// that they are held to the tools.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <memory>

#include "saccade/grammar.h"
#include "server/client_script.h"
#include "server/running_server.h"
#include "server/tool_model.h"

namespace saccade::server {
namespace {

namespace json = boost::json;

constexpr const char* kTemplate =
    R"({%- for m in messages -%}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}{% endif %}
{%- for c in m.tool_calls -%}
{{ '<tool_call>\n{"name": "' + c.function.name + '", "arguments": ' + (c.function.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor -%}<|im_end|>
{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant
{% if enable_thinking %}<think>
{% endif %}{%- endif -%})";

/// Qwen3.5's way of writing calls, with all but that left out.
constexpr const char* kTagsTemplate =
    R"({%- for m in messages -%}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}{% endif %}
{%- for c in m.tool_calls -%}
{{ '<tool_call>\n<function=' + c.function.name + '>\n' }}
{%- for key, value in c.function.arguments | items -%}
{{ '<parameter=' + key + '>\n' + (value | string) + '\n</parameter>\n' }}
{%- endfor -%}{{ '</function>\n</tool_call>' }}
{%- endfor -%}<|im_end|>
{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%})";

/// A server of a small model whose template shows how calls are written.
class ToolsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<TemporaryDirectory>();
    make_tool_model(*directory_, kTemplate);
    server_ = std::make_unique<RunningServer>(kToolModelOptions, true, directory_->path().string());
  }
  static void TearDownTestSuite() {
    server_.reset();
    directory_.reset();
  }

  static json::object question(std::uint64_t seed) {
    return {{"messages", json::array{json::object{{"role", "user"}, {"content", "Weather?"}}}},
            {"temperature", 1.5},
            {"seed", seed},
            {"max_tokens", 300}};
  }
  static json::array tools() {
    return {json::object{{"type", "function"},
                         {"function", json::object{{"name", "forecast"},
                                                   {"parameters", json::parse(kForecastSchema)}}}}};
  }
  static TestResponse ask(const json::object& request,
                          const std::string& path = "/v1/chat/completions") {
    TestResponse response = server_->ask("POST", path, json::serialize(request));
    EXPECT_EQ(response.status, 200) << response.body;
    return response;
  }
  static void expect_arguments(std::string_view arguments) {
    static const Grammar schema = Grammar::json_schema(kForecastSchema, "test");
    EXPECT_FALSE(schema.check(std::string(arguments))) << arguments;
  }

  static std::unique_ptr<TemporaryDirectory> directory_;
  static std::unique_ptr<RunningServer> server_;
};

std::unique_ptr<TemporaryDirectory> ToolsTest::directory_;
std::unique_ptr<RunningServer> ToolsTest::server_;

TEST_F(ToolsTest, ACallThatIsRequired) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    json::object request = question(seed);
    request["tools"] = tools();
    if (seed % 2 == 0) {
      request["tool_choice"] = "required";
    } else {
      request["tool_choice"] = json::parse(R"({"type": "function", "function":
                                               {"name": "forecast"}})");
    }
    // Behind the reasoning that the prompt began, or at once.
    if (seed % 3 == 0) request["thinking_budget"] = 7;
    if (seed % 3 == 1) request["thinking_budget"] = 0;
    const json::value answer = json::parse(ask(request).body);
    const json::value& choice = answer.at("choices").at(0);
    EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
    const json::value& message = choice.at("message");
    EXPECT_TRUE(message.at("content").is_null()) << message;
    EXPECT_EQ(message.as_object().contains("reasoning_content"), seed % 3 == 0) << message;
    ASSERT_EQ(message.at("tool_calls").as_array().size(), 1u);
    const json::value& call = message.at("tool_calls").at(0);
    EXPECT_EQ(call.at("type"), "function");
    EXPECT_EQ(call.at("function").at("name"), "forecast");
    expect_arguments(call.at("function").at("arguments").as_string());
  }
}

TEST_F(ToolsTest, ACallThatIsStreamed) {
  json::object request = question(3);
  request["tools"] = tools();
  request["tool_choice"] = "required";
  const json::value whole = json::parse(ask(request).body);
  request["stream"] = true;
  std::vector<std::string> data = event_data(ask(request).body);
  ASSERT_EQ(data.back(), "[DONE]");
  data.pop_back();
  std::string name;
  std::string arguments;
  std::string reason;
  int pieces = 0;
  for (const std::string& event : data) {
    const json::value chunk = json::parse(event);
    const json::value& choice = chunk.at("choices").at(0);
    if (choice.at("finish_reason").is_string()) reason = choice.at("finish_reason").as_string();
    const json::value* calls = choice.at("delta").as_object().if_contains("tool_calls");
    if (!calls) continue;
    const json::object& call = calls->at(0).as_object();
    EXPECT_EQ(call.at("index"), 0);
    if (call.contains("id")) {
      EXPECT_EQ(name, "");
      name = call.at("function").at("name").as_string();
    }
    arguments += call.at("function").at("arguments").as_string();
    ++pieces;
  }
  EXPECT_EQ(name, "forecast");
  EXPECT_EQ(reason, "tool_calls");
  EXPECT_GT(pieces, 3);
  const json::value& call = whole.at("choices").at(0).at("message").at("tool_calls").at(0);
  EXPECT_EQ(arguments, call.at("function").at("arguments").as_string());
}

TEST_F(ToolsTest, Anthropics) {
  json::object request = question(4);
  request.erase("messages");
  request["messages"] = question(4).at("messages");
  request["tools"] = json::array{
      json::object{{"name", "forecast"}, {"input_schema", json::parse(kForecastSchema)}}};
  request["tool_choice"] = json::object{{"type", "any"}};
  const json::value whole = json::parse(ask(request, "/v1/messages").body);
  EXPECT_EQ(whole.at("stop_reason"), "tool_use");
  ASSERT_EQ(whole.at("content").as_array().size(), 1u);
  const json::value& block = whole.at("content").at(0);
  EXPECT_EQ(block.at("type"), "tool_use");
  EXPECT_EQ(block.at("name"), "forecast");
  expect_arguments(json::serialize(block.at("input")));
  request["stream"] = true;
  std::string arguments;
  std::vector<std::string> types;
  for (const std::string& data : event_data(ask(request, "/v1/messages").body)) {
    const json::value event = json::parse(data);
    const std::string type(event.at("type").as_string());
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "content_block_start") {
      EXPECT_EQ(event.at("content_block").at("name"), "forecast");
    } else if (type == "content_block_delta") {
      EXPECT_EQ(event.at("delta").at("type"), "input_json_delta");
      arguments += event.at("delta").at("partial_json").as_string();
    }
  }
  EXPECT_THAT(types,
              testing::ElementsAre("message_start", "content_block_start", "content_block_delta",
                                   "content_block_stop", "message_delta", "message_stop"));
  EXPECT_EQ(json::parse(arguments), block.at("input"));
}

TEST_F(ToolsTest, ReasoningThatThePromptBegan) {
  json::object request = question(5);
  request["max_tokens"] = 8;
  request["chat_template_kwargs"] = json::object{{"enable_thinking", true}};
  request["ignore_eos"] = true;
  const json::value open = json::parse(ask(request).body);
  const json::value& reasoned = open.at("choices").at(0).at("message");
  EXPECT_EQ(reasoned.at("content"), "");
  EXPECT_NE(reasoned.at("reasoning_content").as_string(), "");
  // A form begins where the reasoning has ended, which its budget sees to.
  request["response_format"] = json::parse(R"({"type": "choice", "choice": ["yes"]})");
  const json::value cut = json::parse(ask(request).body);
  EXPECT_EQ(cut.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(cut.at("choices").at(0).at("message").at("content"), "");
  request["max_tokens"] = 60;
  request["n"] = 2;
  request["thinking_budget"] = 5;
  request.erase("chat_template_kwargs");
  const json::value held = json::parse(ask(request).body);
  EXPECT_EQ(held.at("usage").at("completion_tokens_details").at("reasoning_tokens"), 10);
  for (const json::value& choice : held.at("choices").as_array()) {
    EXPECT_EQ(choice.at("message").at("content"), "yes");
    EXPECT_NE(choice.at("message").at("reasoning_content").as_string(), "");
    EXPECT_EQ(choice.at("finish_reason"), "stop");
  }
  request["thinking_budget"] = 0;
  const json::value none = json::parse(ask(request).body);
  for (const json::value& choice : none.at("choices").as_array()) {
    EXPECT_EQ(choice.at("message").at("content"), "yes");
    EXPECT_FALSE(choice.at("message").as_object().contains("reasoning_content"));
  }
}

/// What a stream of one API gave, its reasoning and its content.
struct Streamed {
  std::string reasoning;
  std::string content;
};

TEST_F(ToolsTest, FormsBehindReasoningInAllStreams) {
  json::object request = question(5);
  request["thinking_budget"] = 6;
  request["stream"] = true;
  const json::value format = json::parse(
      R"({"type": "json_schema", "name": "f", "schema": {"type": "object", "properties":
          {"ok": {"const": true}}, "required": ["ok"], "additionalProperties": false}})");
  const auto texts = [&](const json::object& asked, const char* path, const auto& read) {
    Streamed streamed;
    for (const std::string& data : event_data(ask(asked, path).body)) {
      if (data != "[DONE]") read(json::parse(data), streamed);
    }
    EXPECT_NE(streamed.reasoning, "") << path;
    EXPECT_EQ(streamed.content, "{\"ok\": true}") << path;
  };
  json::object chat = request;
  json::object nested = format.as_object();
  nested.erase("type");
  chat["response_format"] = json::object{{"type", "json_schema"}, {"json_schema", nested}};
  texts(chat, "/v1/chat/completions", [](const json::value& event, Streamed& streamed) {
    if (event.at("choices").as_array().empty()) return;
    const json::object& delta = event.at("choices").at(0).at("delta").as_object();
    const json::value* reasoning = delta.if_contains("reasoning_content");
    const json::value* content = delta.if_contains("content");
    if (reasoning && reasoning->is_string()) streamed.reasoning += reasoning->get_string();
    if (content && content->is_string()) streamed.content += content->get_string();
  });
  json::object response = {{"input", "Weather?"},  {"temperature", 1.5}, {"seed", 5},
                           {"thinking_budget", 6}, {"stream", true},     {"max_output_tokens", 90}};
  response["text"] = json::object{{"format", format}};
  texts(response, "/v1/responses", [](const json::value& event, Streamed& streamed) {
    const json::string& type = event.at("type").as_string();
    if (!type.ends_with(".delta")) return;
    std::string& text =
        type == "response.output_text.delta" ? streamed.content : streamed.reasoning;
    text += event.at("delta").as_string();
  });
  json::object message = request;
  json::object bare = format.as_object();
  bare.erase("name");
  message["output_config"] = json::object{{"format", bare}};
  texts(message, "/v1/messages", [](const json::value& event, Streamed& streamed) {
    if (event.at("type") != "content_block_delta") return;
    const json::object& delta = event.at("delta").as_object();
    if (delta.contains("thinking")) streamed.reasoning += delta.at("thinking").as_string();
    if (delta.contains("text")) streamed.content += delta.at("text").as_string();
  });
}

TEST_F(ToolsTest, Responses) {
  json::object request = {{"input", "Weather?"},
                          {"temperature", 1.5},
                          {"seed", 4},
                          {"max_output_tokens", 300},
                          {"tool_choice", "required"}};
  request["tools"] = json::array{json::object{
      {"type", "function"}, {"name", "forecast"}, {"parameters", json::parse(kForecastSchema)}}};
  const json::value whole = json::parse(ask(request, "/v1/responses").body);
  ASSERT_EQ(whole.at("output").as_array().size(), 1u) << whole;
  const json::value& call = whole.at("output").at(0);
  EXPECT_EQ(call.at("type"), "function_call");
  EXPECT_EQ(call.at("name"), "forecast");
  expect_arguments(call.at("arguments").as_string());
  request["stream"] = true;
  std::string arguments;
  std::int64_t number = 0;
  for (const std::string& data : event_data(ask(request, "/v1/responses").body)) {
    const json::value event = json::parse(data);
    EXPECT_EQ(event.at("sequence_number"), number++);
    if (event.at("type") == "response.function_call_arguments.delta") {
      arguments += event.at("delta").as_string();
    }
  }
  EXPECT_EQ(arguments, call.at("arguments").as_string());
}

TEST_F(ToolsTest, ReasoningEndsWhereItsBudgetIsSpent) {
  json::object request = question(5);
  request["max_tokens"] = 40;
  request["ignore_eos"] = true;
  request["thinking_budget"] = 4;
  const json::value answer = json::parse(ask(request).body);
  const json::value& usage = answer.at("usage");
  EXPECT_EQ(usage.at("completion_tokens"), 40);
  EXPECT_EQ(usage.at("completion_tokens_details").at("reasoning_tokens"), 4);
  EXPECT_NE(answer.at("choices").at(0).at("message").at("content"), "");
  request["thinking_budget"] = 0;
  const json::value none = json::parse(ask(request).body);
  EXPECT_EQ(none.at("usage").at("completion_tokens_details").at("reasoning_tokens"), 0);
  EXPECT_FALSE(none.at("choices").at(0).at("message").as_object().contains("reasoning_content"));
}

TEST(ToolsInTags, ArgumentsFollowTheirSchemas) {
  const TemporaryDirectory directory;
  make_tool_model(directory, kTagsTemplate);
  const RunningServer server(kToolModelOptions, true, directory.path().string());
  const Grammar schema = Grammar::json_schema(kForecastSchema, "test");
  json::object request = {
      {"messages", json::array{json::object{{"role", "user"}, {"content", "Weather?"}}}},
      {"temperature", 1.5},
      {"max_tokens", 300},
      {"tool_choice", "required"}};
  request["tools"] = json::array{json::object{
      {"type", "function"},
      {"function",
       json::object{{"name", "forecast"}, {"parameters", json::parse(kForecastSchema)}}}}};
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    request["seed"] = seed;
    request["stream"] = false;
    const TestResponse response =
        server.ask("POST", "/v1/chat/completions", json::serialize(request));
    ASSERT_EQ(response.status, 200) << response.body;
    const json::value answer = json::parse(response.body);
    const json::value& choice = answer.at("choices").at(0);
    EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
    const json::value& call = choice.at("message").at("tool_calls").at(0).at("function");
    EXPECT_EQ(call.at("name"), "forecast");
    const std::string arguments(call.at("arguments").as_string());
    EXPECT_FALSE(schema.check(arguments)) << arguments;
    request["stream"] = true;
    std::string streamed;
    for (const std::string& data :
         event_data(server.ask("POST", "/v1/chat/completions", json::serialize(request)).body)) {
      if (data == "[DONE]") continue;
      const json::value chunk = json::parse(data);
      const json::value* calls =
          chunk.at("choices").at(0).at("delta").as_object().if_contains("tool_calls");
      if (calls) streamed += calls->at(0).at("function").at("arguments").as_string();
    }
    EXPECT_EQ(streamed, arguments);
  }
}

TEST_F(ToolsTest, WithTheOfficialClients) {
  run_client(*server_, "tools.mjs", "openai");
}

}  // namespace
}  // namespace saccade::server
