// Calls whose marks are special tokens, of models with several tools: the arguments are those of
// the tool that the answer names. The model has random weights.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "saccade/grammar.h"
#include "server/running_server.h"
#include "server/tool_model.h"

namespace saccade::server {
namespace {

namespace json = boost::json;

constexpr const char* kNamedTemplate =
    R"({%- for m in messages -%}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}{% endif %}
{%- for c in m.tool_calls -%}
{{ '[TOOL_CALLS]' + c.function.name + '[ARGS]' + (c.function.arguments | tojson) }}
{%- endfor -%}<|im_end|>
{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%})";

/// Gemma 4's, for texts alone.
constexpr const char* kBareTemplate =
    R"({%- for m in messages -%}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}{% endif %}
{%- for c in m.tool_calls -%}
{{ '<|tool_call>call:' + c.function.name + '{' }}
{%- for key, value in c.function.arguments | items -%}
{{ key + ':<|"|>' + value + '<|"|>' }}
{%- endfor -%}{{ '}<tool_call|>' }}
{%- endfor -%}<|im_end|>
{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%})";

/// Marks of calls that are special tokens, with several tools.
struct MarkedCalls {
  const char* name;
  const char* chat_template;
  RenamedTokens renamed;
};

class ToolsAmongSpecialTokens : public testing::TestWithParam<MarkedCalls> {};

TEST_P(ToolsAmongSpecialTokens, ArgumentsAreThoseOfTheToolThatIsNamed) {
  constexpr const char* kPlaces = R"({"type": "object", "properties": {
    "near": {"type": "array", "items": {"enum": ["sea", "hills"]}, "minItems": 1, "maxItems": 2},
    "open": {"type": "boolean"}}, "required": ["near", "open"], "additionalProperties": false})";
  const TemporaryDirectory directory;
  make_tool_model(directory, GetParam().chat_template, GetParam().renamed);
  const RunningServer server(kToolModelOptions, true, directory.path().string());
  const std::map<std::string, std::string> schemas = {{"forecast", kForecastSchema},
                                                      {"places", kPlaces}};
  json::array tools;
  for (const auto& [name, schema] : schemas) {
    tools.push_back(json::object{
        {"type", "function"},
        {"function", json::object{{"name", name}, {"parameters", json::parse(schema)}}}});
  }
  constexpr int kCallToken = 305;  // what its mark was renamed from
  std::set<std::string> called;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    json::object request = {
        {"messages", json::array{json::object{{"role", "user"}, {"content", "Where?"}}}},
        {"temperature", 1.5},
        {"seed", seed},
        {"max_tokens", 300},
        {"parallel_tool_calls", false},
        {"tools", tools}};
    if (seed % 2 == 0) {
      request["tool_choice"] = "required";
    } else {
      // The model begins the call itself.
      request["logit_bias"] = json::object{{std::to_string(kCallToken), 100}};
    }
    const TestResponse response =
        server.ask("POST", "/v1/chat/completions", json::serialize(request));
    ASSERT_EQ(response.status, 200) << response.body;
    const json::value answer = json::parse(response.body);
    const json::value& choice = answer.at("choices").at(0);
    EXPECT_EQ(choice.at("finish_reason"), "tool_calls") << response.body;
    const json::object& message = choice.at("message").as_object();
    ASSERT_TRUE(message.contains("tool_calls")) << response.body;
    ASSERT_EQ(message.at("tool_calls").as_array().size(), 1u);
    const json::value& call = message.at("tool_calls").at(0).at("function");
    const std::string name(call.at("name").as_string());
    ASSERT_TRUE(schemas.contains(name)) << name;
    called.insert(name);
    const std::string arguments(call.at("arguments").as_string());
    EXPECT_FALSE(Grammar::json_schema(schemas.at(name), "test").check(arguments)) << arguments;
  }
  EXPECT_EQ(called.size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Forms, ToolsAmongSpecialTokens,
                         testing::Values(MarkedCalls{"Named",
                                                     kNamedTemplate,
                                                     {{"<|vision_start|>", "[TOOL_CALLS]"},
                                                      {"<|vision_end|>", "[ARGS]"}}},
                                         MarkedCalls{"Bare",
                                                     kBareTemplate,
                                                     {{"<|vision_start|>", "<|tool_call>"},
                                                      {"<|vision_end|>", "<tool_call|>"},
                                                      {"<|vision_pad|>", "<|\\\"|>"}}}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace saccade::server
