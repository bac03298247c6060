// How models write calls and reasoning, told by their chat templates; and what requests make of it.
#include "server/answer_syntax.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "saccade/grammar.h"
#include "server/answer_reader.h"
#include "server/call_schema.h"
#include "server/tool_use.h"
#include "temporary_directory.h"

namespace saccade::server {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Form = CallSyntax::Form;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kTemplates = fs::path(SACCADE_SOURCE_DIR) / "../shared/data/templates";

class PublishedTemplate : public testing::Test {
 protected:
  /// Of a publisher's template; the tokenizer has no tokens of reasoning.
  static std::optional<CallSyntax> calls_of(const std::string& name) {
    return AnswerTemplate(ChatTemplate::read((kTemplates / name).string()), tokenizer())
        .syntax()
        .calls;
  }
  static const Tokenizer& tokenizer() {
    static const Tokenizer loaded = Tokenizer::load(SACCADE_SOURCE_DIR "/assets/glance");
    return loaded;
  }
  void SetUp() override {
    if (!fs::exists(kTemplates)) GTEST_SKIP() << kTemplates << " is not there";
  }
};

TEST_F(PublishedTemplate, Hermes) {
  for (const char* name : {"Qwen-Qwen2.5-7B-Instruct.jinja", "Qwen-Qwen3-0.6B.jinja",
                           "NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", "MiMo-VL.jinja"}) {
    const auto calls = calls_of(name);
    ASSERT_TRUE(calls) << name;
    EXPECT_EQ(calls->form, Form::kObject);
    EXPECT_EQ(calls->begin, "<tool_call>");
    EXPECT_EQ(calls->space, "\n");
    EXPECT_EQ(calls->end, "</tool_call>");
    EXPECT_EQ(calls->arguments_key, "arguments");
  }
}

TEST_F(PublishedTemplate, Llama) {
  const auto calls = calls_of("meta-llama-Llama-3.2-3B-Instruct.jinja");
  ASSERT_TRUE(calls);
  EXPECT_EQ(calls->form, Form::kObject);
  EXPECT_EQ(calls->begin, "");
  EXPECT_EQ(calls->arguments_key, "parameters");
}

TEST_F(PublishedTemplate, Mistral) {
  const auto calls = calls_of("Mistral-Small-3.2-24B-Instruct-2506.jinja");
  ASSERT_TRUE(calls);
  EXPECT_EQ(calls->form, Form::kNamed);
  EXPECT_EQ(calls->begin, "[TOOL_CALLS]");
  EXPECT_TRUE(calls->short_ids);
}

TEST_F(PublishedTemplate, Tags) {
  const auto calls = calls_of("Qwen3.5-4B.jinja");
  ASSERT_TRUE(calls);
  EXPECT_EQ(calls->form, Form::kTags);
  EXPECT_EQ(calls->begin, "<tool_call>");
  EXPECT_EQ(calls->space, "\n");
  EXPECT_EQ(calls->end, "</tool_call>");
}

TEST_F(PublishedTemplate, Gemma) {
  const auto calls = calls_of("google-gemma-4-31B-it.jinja");
  ASSERT_TRUE(calls);
  EXPECT_EQ(calls->form, Form::kBare);
  EXPECT_EQ(calls->begin, "<|tool_call>");
  EXPECT_EQ(calls->end, "<tool_call|>");
}

/// What these templates show of a call is read as that call.
TEST_F(PublishedTemplate, TheirOwnCallsAreRead) {
  constexpr const char* kArguments =
      R"({"days": 3, "list": ["a", true], "text": "two\nlines, \"quoted\"", "tree": {"x": 1.5}})";
  const json::value wanted = json::parse(kArguments);
  for (const char* name : {"Qwen3.5-4B.jinja", "google-gemma-4-31B-it.jinja",
                           "Qwen-Qwen3-0.6B.jinja", "Mistral-Small-3.2-24B-Instruct-2506.jinja"}) {
    const ChatTemplate chat_template = ChatTemplate::read((kTemplates / name).string());
    const std::string rendered = chat_template.render(
        {R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "",
             "tool_calls": [{"type": "function", "id": "123456789", "function": {"name": "forecast",
             "arguments": )" +
             std::string(kArguments) + "}}]}]",
         "",
         false,
         {}});
    AnswerPlan plan;
    plan.syntax.calls = calls_of(name);
    ASSERT_TRUE(plan.syntax.calls) << name;
    const ReadAnswer answer =
        read_answer(plan, rendered.substr(rendered.find(plan.syntax.calls->begin)));
    ASSERT_EQ(answer.calls.size(), 1u) << rendered;
    EXPECT_EQ(answer.calls[0].name, "forecast");
    EXPECT_EQ(json::parse(answer.calls[0].arguments), wanted) << answer.calls[0].arguments;
  }
}

TEST_F(PublishedTemplate, FormsThatAreNotRead) {
  // Keys and values in tags of another kind, and no calls at all.
  for (const char* name : {"GLM-4.6.jinja", "microsoft-Phi-3.5-mini-instruct.jinja"}) {
    EXPECT_FALSE(calls_of(name)) << name;
  }
}

Tool tool(const std::string& name, const std::string& parameters) {
  const json::value schema = json::parse(parameters);
  return make_tool(name, &schema, "tools[0]");
}

TEST(CallSchema, OneOfTheToolsWithItsArguments) {
  const std::vector<Tool> tools = {
      tool("add", R"({"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}},
                      "required": ["a"], "$defs": {"n": {"type": "integer"}}})"),
      tool("tree", R"({"properties": {"left": {"$ref": "#"}}, "additionalProperties": false})"),
      make_tool("now", nullptr, "tools[2]")};
  const Grammar one = Grammar::json_schema(call_schema(tools, "arguments", false, 0), "call");
  EXPECT_FALSE(one.check(R"({"name": "add", "arguments": {"a": 1}})"));
  EXPECT_FALSE(one.check(R"({"name": "tree", "arguments": {"left": {"left": {}}}})"));
  EXPECT_FALSE(one.check(R"({"name": "now", "arguments": {}})"));
  EXPECT_TRUE(one.check(R"({"name": "add", "arguments": {"a": "1"}})"));
  EXPECT_TRUE(one.check(R"({"name": "add", "arguments": {}})"));
  EXPECT_TRUE(one.check(R"({"name": "tree", "arguments": {"left": {"right": {}}}})"));
  EXPECT_TRUE(one.check(R"({"name": "now", "arguments": {"a": 1}})"));
  EXPECT_TRUE(one.check(R"({"name": "sub", "arguments": {"a": 1}})"));
  const Grammar list = Grammar::json_schema(call_schema(tools, "parameters", true, 1), "calls");
  EXPECT_FALSE(list.check(R"([{"name": "now", "parameters": {}}])"));
  EXPECT_TRUE(list.check("[]"));
  EXPECT_TRUE(
      list.check(R"([{"name": "now", "parameters": {}}, {"name": "now", "parameters": {}}])"));
}

TEST(CallSchema, CallsInTags) {
  const std::vector<Tool> tools = {
      tool("add", R"({"type": "object", "properties": {"a": {"type": "integer"},
                      "note": {"type": "string"}, "b": {"$ref": "#/$defs/n"}},
                      "required": ["a", "b", "c"], "$defs": {"n": {"enum": ["x", "y"]}}})"),
      make_tool("now", nullptr, "tools[1]"), tool("any", "{}")};
  const CallSyntax tags{.form = Form::kTags, .begin = "<tool_call>", .end = "</tool_call>"};
  const Grammar grammar = Grammar::gbnf(call_grammar(tools, tags, false), "call");
  const auto parameter = [](const std::string& key, const std::string& value) {
    return "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
  };
  const auto accepts = [&](const std::string& name, const std::string& parameters) {
    return !grammar.check("<function=" + name + ">\n" + parameters + "</function>");
  };
  const std::string b = parameter("b", "y") + parameter("c", "[1]");
  EXPECT_TRUE(accepts("add", parameter("a", "1") + b));
  EXPECT_TRUE(accepts("add", parameter("a", "1") + parameter("note", "so \"it\" is\n") + b));
  EXPECT_FALSE(accepts("add", parameter("a", "\"1\"") + b));
  EXPECT_FALSE(accepts("add", b));
  EXPECT_FALSE(accepts("add", parameter("a", "1") + parameter("b", "y")));
  EXPECT_FALSE(accepts("add", parameter("a", "1") + parameter("b", "z") + parameter("c", "1")));
  EXPECT_FALSE(accepts("add", parameter("d", "1") + parameter("a", "1") + b));
  EXPECT_TRUE(accepts("now", ""));
  EXPECT_FALSE(accepts("now", parameter("a", "1")));
  EXPECT_TRUE(accepts("any", parameter("what", "ever") + parameter("it", "is")));
  EXPECT_FALSE(accepts("sub", ""));
  for (const char* bad :
       {R"({"anyOf": []})", R"({"properties": {"a": true}})", R"({"properties": []})",
        R"({"properties": {"a>": {}}})", R"({"additionalProperties": {"type": "null"}})",
        R"({"properties": {"a": {"$ref": "#"}}})", R"({"required": "a"})"}) {
    EXPECT_THROW(call_grammar(std::vector{tool("f", bad)}, tags, false), ApiError) << bad;
  }
}

TEST(CallSchema, WhatCannotBeATool) {
  EXPECT_THROW(tool("a b", "{}"), ApiError);
  EXPECT_THROW(tool("", "{}"), ApiError);
  EXPECT_THROW(tool("a", R"({"type": "array"})"), ApiError);
  EXPECT_THROW(tool("a", "[]"), ApiError);
}

/// Plans with a template that writes calls between these.
class PlanTest : public testing::Test {
 protected:
  AnswerPlan plan(const std::string& before, const std::string& between, const std::string& end) {
    const std::string text =
        "{%- for m in messages -%}<{{ m.role }}>{{ m.content }}"
        "{%- for c in m.tool_calls -%}" +
        before + "{{ c.function.name }}" + between + "{{ c.function.arguments | tojson }}" + end +
        "{%- endfor -%}{%- endfor -%}{%- if add_generation_prompt -%}<assistant>{%- endif -%}";
    const TemporaryDirectory directory;
    const std::string path = directory.write("chat_template.jinja", text).string();
    const Tokenizer tokenizer = Tokenizer::load(SACCADE_SOURCE_DIR "/assets/glance");
    const AnswerTemplate answers(ChatTemplate::read(path), tokenizer);
    return plan_answer(use_, wish_, {options_, "glance", 4096, tokenizer, &answers}, request_);
  }
  std::string error(const std::string& before, const std::string& between, const std::string& end) {
    try {
      plan(before, between, end);
    } catch (const ApiError& error) {
      return error.what();
    }
    return "no error";
  }
  void SetUp() override { use_.tools = {tool("add", "{}"), make_tool("now", nullptr, "")}; }

  ServeOptions options_;
  ToolUse use_;
  ReasoningWish wish_;
  Request request_;
};

TEST_F(PlanTest, ListsOfCalls) {
  const AnswerPlan auto_plan = plan("[TOOL_CALLS] [{\"name\": \"", "\", \"arguments\": ", "}]");
  ASSERT_TRUE(auto_plan.syntax.calls);
  EXPECT_EQ(auto_plan.syntax.calls->form, Form::kList);
  EXPECT_EQ(request_.constraint->after, "[TOOL_CALLS]");
  EXPECT_EQ(request_.constraint->opening, " ");
  EXPECT_TRUE(request_.constraint->ends_answer);
  EXPECT_THAT(request_.visible_tokens, ElementsAre("[TOOL_CALLS]"));
  request_ = {};
  use_.mode = ToolUse::Mode::kRequired;
  EXPECT_EQ(plan("[TOOL_CALLS] [{\"name\": \"", "\", \"arguments\": ", "}]").begun,
            "[TOOL_CALLS] ");
  EXPECT_EQ(request_.constraint->after, "");
}

TEST_F(PlanTest, CallsWithoutMarker) {
  plan("{\"name\": \"", "\", \"parameters\": ", "}");
  EXPECT_EQ(request_.constraint->if_begins, "{\"name\":");
}

/// Calls whose marks are letters here, since this tokenizer has no such tokens.
TEST_F(PlanTest, CallsByName) {
  use_.tools[0].strict = true;
  EXPECT_TRUE(plan("[TOOL_CALLS]", "[ARGS]", "").syntax.calls);
  EXPECT_EQ(request_.constraint->after, "[TOOL_CALLS]");
  EXPECT_FALSE(request_.constraint->ends_answer);
  const Grammar either = Grammar::gbnf(request_.constraint->texts.at(0), "calls");
  EXPECT_FALSE(either.check("add[ARGS]{\"a\": 1}"));
  EXPECT_FALSE(either.check("now[ARGS]{}"));
  EXPECT_TRUE(either.check("now[ARGS]{\"a\": 1}"));
  EXPECT_TRUE(either.check("sub[ARGS]{}"));
  EXPECT_TRUE(either.check("now[ARGS]{}[TOOL_CALLS]now[ARGS]{}"));
  request_ = {};
  use_.parallel = false;
  plan("[TOOL_CALLS]", "[ARGS]", "");
  EXPECT_TRUE(request_.constraint->ends_answer);
  request_ = {};
  use_.parallel = true;
  use_.mode = ToolUse::Mode::kRequired;
  EXPECT_EQ(plan("[TOOL_CALLS]", "[ARGS]", "").begun, "[TOOL_CALLS]");
  EXPECT_EQ(request_.constraint->after, "");
  const Grammar some = Grammar::gbnf(request_.constraint->texts.at(0), "calls");
  EXPECT_FALSE(some.check("now[ARGS]{}[TOOL_CALLS]add[ARGS]{}"));
  request_ = {};
  use_.name = "add";
  plan("[TOOL_CALLS]", "[ARGS]", "");
  EXPECT_TRUE(Grammar::gbnf(request_.constraint->texts.at(0), "calls").check("now[ARGS]{}"));
  request_ = {};
  use_.name = "sub";
  EXPECT_THAT(error("[TOOL_CALLS]", "[ARGS]", ""), HasSubstr("there is no tool \"sub\""));
}

TEST_F(PlanTest, WhatDoesNotGoTogether) {
  EXPECT_FALSE(plan("call ", " with ", "").syntax.calls);  // told in a form of its own
  EXPECT_FALSE(request_.constraint);
  use_.parallel = false;
  EXPECT_THAT(error("call ", " with ", ""), HasSubstr("parallel_tool_calls: "));
  use_.mode = ToolUse::Mode::kRequired;
  EXPECT_THAT(error("call ", " with ", ""), HasSubstr("does not show how it calls tools"));
  request_.constraint = Constraint{};
  EXPECT_THAT(error("[TOOL_CALLS]", "[ARGS]", ""), HasSubstr("held to tools or to a form"));
  use_.mode = ToolUse::Mode::kNone;
  EXPECT_FALSE(plan("[TOOL_CALLS]", "[ARGS]", "").syntax.calls);
}

}  // namespace
}  // namespace saccade::server
