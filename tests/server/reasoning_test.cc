// How long the model may think: what requests say, and what models' templates make of it.
#include "server/reasoning.h"

#include <filesystem>

#include "server/anthropic_messages.h"
#include "server/openai_chat.h"
#include "server/openai_responses.h"
#include "server/request_test.h"

namespace saccade::server {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const fs::path kTemplates = fs::path(SACCADE_SOURCE_DIR) / "../shared/data/templates";

/// Chat requests to models with publishers' templates.
class ReasoningWishes : public RequestTest {
 protected:
  ReasoningWishes() : RequestTest(read_chat_completion) {}

  Request ask(const std::string& name, const std::string& fields) {
    use_published(name);
    return read(kHi + fields).requests.at(0);
  }
  std::string refusal(const std::string& name, const std::string& fields) {
    use_published(name);
    return error_of(kHi + fields);
  }
  void use_published(const std::string& name) {
    read_template((kTemplates / (name + ".jinja")).string());
  }
  const std::string kHi = R"("messages": [{"role": "user", "content": "hi"}])";
};

class PublishedReasoning : public ReasoningWishes {
 protected:
  void SetUp() override {
    if (!fs::exists(kTemplates)) GTEST_SKIP() << kTemplates << " is not there";
  }
};

TEST_F(PublishedReasoning, WhatTemplatesKnow) {
  const auto traits = [&](const std::string& name) {
    use_published(name);
    return answers_->reasoning();
  };
  for (const char* name : {"Qwen-Qwen3-0.6B", "Qwen3.5-4B", "GLM-4.6", "HuggingFaceTB-SmolLM3-3B",
                           "google-gemma-4-31B-it"}) {
    EXPECT_TRUE(traits(name).known) << name;
    EXPECT_EQ(traits(name).variable, "enable_thinking") << name;
    EXPECT_FALSE(traits(name).knows_effort) << name;
  }
  EXPECT_EQ(traits("ibm-granite-granite-3.3-2B-Instruct").variable, "thinking");
  EXPECT_TRUE(traits("openai-gpt-oss-120b").knows_effort);
  for (const char* name : {"Qwen-Qwen2.5-7B-Instruct", "meta-llama-Llama-3.2-3B-Instruct",
                           "Mistral-Small-3.2-24B-Instruct-2506"}) {
    EXPECT_FALSE(traits(name).known) << name;
  }
}

TEST_F(PublishedReasoning, BudgetsOfAPromptThatBeginsIt) {
  const Request plain = ask("Qwen3.5-4B", "");
  ASSERT_TRUE(plain.reasoning);
  EXPECT_TRUE(plain.reasoning->open);
  EXPECT_EQ(plain.reasoning->budget, std::nullopt);
  EXPECT_EQ(plain.reasoning->closing, "\n</think>\n\n");
  const Request limited = ask("Qwen3.5-4B", R"(, "thinking_budget": 50)");
  EXPECT_EQ(limited.reasoning->budget, 50);
  EXPECT_THAT(limited.template_variables, ElementsAre(Pair("enable_thinking", "true")));
  EXPECT_EQ(ask("Qwen3.5-4B", R"(, "reasoning_effort": "low")").reasoning->budget, 1024);
  EXPECT_EQ(ask("Qwen3.5-4B", R"(, "reasoning_effort": "high")").reasoning->budget, std::nullopt);
  EXPECT_EQ(
      ask("Qwen3.5-4B", R"(, "reasoning_effort": "high", "thinking_budget": 3)").reasoning->budget,
      3);
  for (const char* off : {R"(, "reasoning_effort": "none")", R"(, "thinking_budget": 0)"}) {
    const Request none = ask("Qwen3.5-4B", off);
    EXPECT_THAT(none.template_variables, ElementsAre(Pair("enable_thinking", "false")));
    EXPECT_FALSE(none.reasoning);
    EXPECT_EQ(none.answer_begin, "");
  }
}

TEST_F(PublishedReasoning, TemplatesThatKnowEfforts) {
  const Request request = ask("openai-gpt-oss-120b", R"(, "reasoning_effort": "high")");
  EXPECT_THAT(request.template_variables, ElementsAre(Pair("reasoning_effort", "\"high\"")));
  EXPECT_THAT(refusal("openai-gpt-oss-120b", R"(, "thinking_budget": 5)"),
              HasSubstr("400 thinking_budget: thinking_budget: this model has no mark"));
}

TEST_F(PublishedReasoning, ModelsThatDoNotReason) {
  EXPECT_THAT(
      refusal("Qwen-Qwen2.5-7B-Instruct", R"(, "thinking_budget": 5)"),
      HasSubstr("400 thinking_budget: thinking_budget: this model's chat template knows no"));
  EXPECT_THAT(refusal("Qwen-Qwen2.5-7B-Instruct", R"(, "reasoning_effort": "low")"),
              HasSubstr("400 reasoning_effort: "));
  EXPECT_EQ(refusal("Qwen-Qwen2.5-7B-Instruct", R"(, "reasoning_effort": "none")"), "no error");
  options_.lenient = true;
  EXPECT_FALSE(ask("Qwen-Qwen2.5-7B-Instruct", R"(, "thinking_budget": 5)").reasoning);
}

TEST_F(ReasoningWishes, PromptsThatAlwaysBeginItEndItWhereItIsOff) {
  use_template(R"({%- for m in messages -%}{%- if m.reasoning_content -%}
<think>{{ m.reasoning_content }}{{ '</think>\n' }}{%- endif -%}{{ m.content }}{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<think>\n' }}{%- endif -%})");
  const Request off = read(kHi + R"(, "reasoning_effort": "none")").requests.at(0);
  EXPECT_EQ(off.answer_begin, "</think>\n");  // as it writes earlier turns
  EXPECT_FALSE(off.reasoning);
  EXPECT_TRUE(off.template_variables.empty());
  EXPECT_EQ(read(kHi + R"(, "thinking_budget": 9)").requests.at(0).reasoning->budget, 9);
  // What is held to a form has its place to think in before it.
  const std::string form = R"(, "response_format": {"type": "json_object"})";
  EXPECT_EQ(read(kHi + form + R"(, "thinking_budget": 9)").requests.at(0).reasoning->budget, 9);
  const Request first = read(kHi + form).requests.at(0);
  ASSERT_TRUE(first.reasoning);
  EXPECT_TRUE(first.reasoning->open);
  EXPECT_EQ(first.answer_begin, "");
  const Request formed = read(kHi + form + R"(, "reasoning_effort": "none")").requests.at(0);
  EXPECT_FALSE(formed.reasoning);
  EXPECT_EQ(formed.answer_begin, "</think>\n");
}

TEST_F(ReasoningWishes, CallsThatAreRequiredComeBehindIt) {
  use_template(R"({%- for m in messages -%}{{ m.content }}{%- for c in m.tool_calls -%}
{{ '<tool_call>\n{"name": "' + c.function.name + '", "arguments": ' + (c.function.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor -%}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<think>\n' }}{%- endif -%})");
  const std::string tools = R"(, "tool_choice": "required", "tools": [{"type": "function",
    "function": {"name": "add", "parameters": {"type": "object"}}}])";
  const Generation generation = read(kHi + tools + R"(, "n": 2, "thinking_budget": 4)");
  ASSERT_EQ(generation.requests.size(), 2u);
  for (const Request& request : generation.requests) {
    ASSERT_TRUE(request.reasoning);
    EXPECT_EQ(request.reasoning->budget, 4);
    EXPECT_EQ(request.answer_begin, "");
    EXPECT_EQ(request.constraint->opening, "<tool_call>\n");
  }
  const Request off = read(kHi + tools + R"(, "thinking_budget": 0)").requests.at(0);
  EXPECT_THAT(off.answer_begin, testing::EndsWith("</think>\n\n<tool_call>\n"));
  EXPECT_EQ(off.constraint->opening, "");
}

TEST_F(ReasoningWishes, WhatDoesNotGoTogether) {
  EXPECT_THAT(error_of(kHi + R"(, "reasoning_effort": "much")"),
              HasSubstr("400 reasoning_effort: reasoning_effort: wanted none, minimal"));
  EXPECT_THAT(error_of(kHi + R"(, "reasoning_effort": "none", "thinking_budget": 5)"),
              HasSubstr("400 thinking_budget: "));
  EXPECT_THAT(error_of(kHi + R"(, "thinking_budget": -1)"), HasSubstr("400 thinking_budget: "));
  use_template(R"({%- if add_generation_prompt and enable_thinking -%}<think>{%- endif -%})");
  EXPECT_THAT(error_of(kHi + R"(, "thinking_budget": 5,
                            "chat_template_kwargs": {"enable_thinking": true})"),
              HasSubstr("chat_template_kwargs has enable_thinking already"));
}

constexpr const char* kSwitch = R"({%- for m in messages -%}{{ m.content }}{%- endfor -%}
{%- if add_generation_prompt and enable_thinking -%}<think>{%- endif -%})";

class ReasoningOfResponses : public RequestTest {
 protected:
  ReasoningOfResponses() : RequestTest(read_response) { use_template(kSwitch); }
};

TEST_F(ReasoningOfResponses, EffortsAreBudgets) {
  EXPECT_FALSE(read(R"("input": "hi")").requests.at(0).reasoning);
  EXPECT_EQ(read(R"("input": "hi", "reasoning": {"effort": "medium", "summary": "auto"})")
                .requests.at(0)
                .reasoning->budget,
            4096);
  EXPECT_EQ(read(R"("input": "hi", "thinking_budget": 8)").requests.at(0).reasoning->budget, 8);
  EXPECT_EQ(error_of(R"("input": "hi", "reasoning": {})"), "no error");
  EXPECT_THAT(error_of(R"("input": "hi", "reasoning": {"summary": "detailed"})"),
              HasSubstr("400 reasoning.summary: "));
}

class ReasoningOfMessages : public RequestTest {
 protected:
  ReasoningOfMessages() : RequestTest(read_anthropic_message) { use_template(kSwitch); }
  Request ask(const std::string& fields) const { return read(kHi + fields).requests.at(0); }
  const std::string kHi = R"("max_tokens": 5, "messages": [{"role": "user", "content": "hi"}])";
};

TEST_F(ReasoningOfMessages, ThinkingHasABudget) {
  EXPECT_FALSE(ask("").reasoning);
  EXPECT_EQ(ask(R"(, "thinking": {"type": "enabled", "budget_tokens": 12})").reasoning->budget, 12);
  EXPECT_EQ(ask(R"(, "thinking": {"type": "adaptive"})").reasoning->budget, std::nullopt);
  EXPECT_EQ(ask(R"(, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"})")
                .reasoning->budget,
            1024);
  EXPECT_FALSE(ask(R"(, "thinking": {"type": "disabled"})").reasoning);
}

}  // namespace
}  // namespace saccade::server
