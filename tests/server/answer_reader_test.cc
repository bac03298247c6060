// Answers in their parts, however they come.
#include "server/answer_reader.h"

#include <gmock/gmock.h>

namespace saccade::server {
namespace {

using Kind = AnswerPart::Kind;
using testing::IsEmpty;

const ReasoningSyntax kThink = {"<think>", "</think>"};

AnswerPlan plain() {
  return {};
}

AnswerPlan hermes() {
  AnswerPlan plan;
  plan.syntax.calls = {CallSyntax::Form::kObject, "<tool_call>", "\n", "</tool_call>"};
  plan.syntax.reasoning = kThink;
  return plan;
}

AnswerPlan llama() {
  AnswerPlan plan;
  plan.syntax.calls = {CallSyntax::Form::kObject, "", "", "", "parameters"};
  return plan;
}

AnswerPlan mistral_list() {
  AnswerPlan plan;
  plan.syntax.calls = {CallSyntax::Form::kList, "[TOOL_CALLS]", " ", ""};
  return plan;
}

AnswerPlan mistral_named() {
  AnswerPlan plan;
  plan.syntax.calls = {CallSyntax::Form::kNamed, "[TOOL_CALLS]", "", ""};
  plan.syntax.reasoning = ReasoningSyntax{"[THINK]", "[/THINK]"};
  return plan;
}

/// An answer as a text that shows its parts: r(...), c(...), name{...}.
std::string shown(const ReadAnswer& answer) {
  std::string text;
  if (!answer.reasoning.empty()) text += "r(" + answer.reasoning + ")";
  if (!answer.content.empty()) text += "c(" + answer.content + ")";
  for (const AnswerCall& call : answer.calls) text += " " + call.name + call.arguments;
  return text;
}

struct Case {
  const char* name;
  AnswerPlan plan;
  std::string text;
  std::string shown;
};

std::vector<Case> cases() {
  AnswerPlan open = hermes();
  open.reasoning_open = true;
  AnswerPlan begun = hermes();
  begun.begun = "<tool_call>\n";
  AnswerPlan begun_in_reasoning = open;
  begun_in_reasoning.begun = "\n</think>\n\n<tool_call>\n";
  AnswerPlan begun_named = mistral_named();
  begun_named.begun = "[TOOL_CALLS]add[ARGS]";
  return {
      {"plain", plain(), " <think>a</think> <tool_call>{}\n",
       "c( <think>a</think> <tool_call>{}\n)"},
      {"no calls", hermes(), " \nA < b, <tool, \xC3\xA9 \n", "c( \nA < b, <tool, \xC3\xA9 \n)"},
      {"reasoning", hermes(), "\n<think>\nAh </thin k>. \n</think>\n\nYes. ",
       "r(Ah </thin k>.)c(Yes. )"},
      {"empty reasoning", hermes(), "<think>\n\n</think>\n\nYes.", "c(Yes.)"},
      {"reasoning that does not end", hermes(), "<think>Hm </thi", "r(Hm </thi)"},
      {"reasoning that the prompt began", open, "Hm.\n</think>\n\nYes.", "r(Hm.)c(Yes.)"},
      {"later on it is text", hermes(), "a <think>b</think>", "c(a <think>b</think>)"},
      {"hermes", hermes(),
       "Let me see.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": [1, {}], \"b\": "
       "\"}\\\"{\\\\\"}}\n</tool_call>",
       "c(Let me see.) add{\"a\": [1, {}], \"b\": \"}\\\"{\\\\\"}"},
      {"hermes twice", hermes(),
       "<think>x</think><tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>\n"
       "<tool_call>{\"name\":\"b\",\"arguments\":{\"c\":1}}</tool_call>\n",
       "r(x) a{} b{\"c\":1}"},
      {"hermes in reasoning", hermes(),
       "<think>x\n<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>", "r(x) a{}"},
      {"hermes cut off in its arguments", hermes(),
       "<tool_call>\n{\"name\": \"a\", \"arguments\": {\"b\": \"c", " a{\"b\": \"c"},
      {"hermes cut off before", hermes(), "<tool_call>\n{\"name\": \"a\", \"arg",
       "c(<tool_call>\n{\"name\": \"a\", \"arg)"},
      {"no call", hermes(), "Write <tool_call> so: <tool_call>\n{\"nam\"}</tool_call>.",
       "c(Write <tool_call> so: <tool_call>\n{\"nam\"}</tool_call>.)"},
      {"text behind a call", hermes(),
       "<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>\nDone.", "c(\nDone.) a{}"},
      {"a call that is not closed", hermes(),
       "<tool_call>\n{\"name\": \"a\", \"arguments\": {}} and so on", "c( and so on) a{}"},
      {"hermes that the prompt began", begun, "{\"name\": \"a\", \"arguments\": {\"b\": 1}}",
       " a{\"b\": 1}"},
      {"the same from reasoning on", begun_in_reasoning,
       "{\"name\": \"a\", \"arguments\": {\"b\": 1}}", " a{\"b\": 1}"},
      {"llama", llama(), "{\"name\": \"add\", \"parameters\": {\"a\": 1}}", " add{\"a\": 1}"},
      {"llama's other answers", llama(), "{\"name\": \"Bob\", \"age\": 3}",
       "c({\"name\": \"Bob\", \"age\": 3})"},
      {"llama's calls are not in text", llama(), "So: {\"name\": \"add\", \"parameters\": {}}",
       "c(So: {\"name\": \"add\", \"parameters\": {}})"},
      {"mistral", mistral_list(),
       "[TOOL_CALLS] [{\"name\": \"a\", \"arguments\": {\"b\": 1}}, {\"name\": \"c\", "
       "\"arguments\": {}}]",
       " a{\"b\": 1} c{}"},
      {"mistral that ends early", mistral_list(),
       "[TOOL_CALLS] [{\"name\": \"a\", \"arguments\": {\"b\": 1}}, {\"nam",
       "c(, {\"nam) a{\"b\": 1}"},
      {"mistral by names", mistral_named(),
       "[THINK]x[/THINK]Hm.[TOOL_CALLS]add[ARGS]{\"a\": "
       "1}[TOOL_CALLS]sub[CALL_ID]123456789[ARGS]{}",
       "r(x)c(Hm.) add{\"a\": 1} sub{}"},
      {"mistral by a name that the prompt has", begun_named, "{\"a\": 1}", " add{\"a\": 1}"},
      {"a call that the prompt began, cut off", begun, "{\"name\": \"a", "c({\"name\": \"a)"},
      {"brackets", mistral_named(), "[TOOL_CALLS]a b[ARGS]{}", "c([TOOL_CALLS]a b[ARGS]{})"},
  };
}

class AnswerReaderTest : public testing::TestWithParam<Case> {};

/// Reads an answer in these pieces: what it becomes, with the text of all its parts.
std::pair<std::string, std::string> read(const AnswerPlan& plan,
                                         const std::vector<std::string>& pieces) {
  ReadAnswer answer;
  std::string all;
  AnswerReader reader(plan);
  std::vector<AnswerPart> parts;
  for (std::size_t i = 0; i <= pieces.size(); ++i) {
    for (AnswerPart& part : i < pieces.size() ? reader.add(pieces[i]) : reader.finish()) {
      EXPECT_THAT(part.text, testing::Not(IsEmpty()));
      parts.push_back(std::move(part));
    }
  }
  for (const AnswerPart& part : parts) {
    // The name of a call that the prompt began is no text of the answer.
    const bool of_prompt = part.kind == Kind::kCall && all.empty() && !plan.begun.empty() &&
                           plan.begun.find(part.text) != std::string::npos;
    if (!of_prompt) all += part.text;
    if (part.kind == Kind::kReasoning) answer.reasoning += part.text;
    if (part.kind == Kind::kContent) answer.content += part.text;
    if (part.kind == Kind::kCall) answer.calls.push_back({part.text, ""});
    if (part.kind == Kind::kArguments) answer.calls.back().arguments += part.text;
  }
  EXPECT_EQ(reader.calls(), static_cast<int>(answer.calls.size()));
  return {shown(answer), all};
}

TEST_P(AnswerReaderTest, WhereverItIsCut) {
  const auto& [name, plan, text, wanted] = GetParam();
  EXPECT_EQ(shown(read_answer(plan, text)), wanted);
  const std::pair expected(wanted, text);
  for (std::size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(read(plan, {text.substr(0, i), text.substr(i)}), expected) << i;
    for (std::size_t k = i; k <= text.size(); ++k) {
      EXPECT_EQ(read(plan, {text.substr(0, i), text.substr(i, k - i), text.substr(k)}), expected);
    }
  }
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  EXPECT_EQ(read(plan, bytes), expected);
}

/// Whatever ends an answer early, nothing of it is lost.
TEST_P(AnswerReaderTest, WhereverItEnds) {
  const auto& [name, plan, text, wanted] = GetParam();
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string part = text.substr(0, size);
    EXPECT_EQ(read(plan, {part}).second, part);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, AnswerReaderTest, testing::ValuesIn(cases()),
                         [](const testing::TestParamInfo<Case>& info) {
                           std::string name = info.param.name;
                           for (char& c : name) {
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

TEST(AnswerReader, HoldsBackNoMoreThanItMust) {
  AnswerReader reader(hermes());
  const auto text = [&](const char* piece) {
    std::string shown;
    for (const AnswerPart& part : reader.add(piece)) {
      if (part.kind != Kind::kMarkup) shown += part.text + "|";
    }
    return shown;
  };
  EXPECT_EQ(text("A <b"), "A <b|");
  EXPECT_EQ(text(" <tool"), "");
  EXPECT_EQ(text("s> and"), " <tools> and|");
  EXPECT_EQ(text("\n<tool_call>\n{\"name\": \"add\", \"argum"), "");
  EXPECT_EQ(text("ents\": {"), "add|{|");
  EXPECT_EQ(text("\"a\": \"long"), "\"a\": \"long|");
  EXPECT_EQ(text(" text\"}"), " text\"}|");
}

}  // namespace
}  // namespace saccade::server
