// Answers in their parts, however they come.
#include "server/answer_reader.h"

#include <gmock/gmock.h>

namespace saccade::server {
namespace {

using Kind = AnswerPart::Kind;
using testing::IsEmpty;

const ReasoningSyntax kThink = {"<think>", "</think>", "\n</think>\n\n"};

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
  plan.syntax.reasoning = ReasoningSyntax{"[THINK]", "[/THINK]", "[/THINK]"};
  return plan;
}

/// Qwen3.5's, with a tool of which some is known.
AnswerPlan tags() {
  AnswerPlan plan;
  plan.syntax.calls = {CallSyntax::Form::kTags, "<tool_call>", "\n", "</tool_call>"};
  plan.syntax.reasoning = kThink;
  ToolSchemas schemas;
  schemas["f"] = boost::json::parse(R"({"type": "object", "properties": {
      "text": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer"},
      "either": {"type": ["string", "integer"]}, "tree": {"$ref": "#/$defs/tree"}},
      "$defs": {"tree": {"type": "array", "items": {"type": "integer"}}}})");
  plan.schemas = std::make_shared<const ToolSchemas>(std::move(schemas));
  return plan;
}

/// Gemma 4's.
AnswerPlan bare() {
  AnswerPlan plan;
  plan.syntax.calls = {CallSyntax::Form::kBare, "<|tool_call>", "", "<tool_call|>"};
  return plan;
}

/// A parameter as templates write it.
std::string parameter(const std::string& key, const std::string& value) {
  return "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
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

/// Those whose arguments are made into JSON.
std::vector<Case> cases_of_other_notations() {
  AnswerPlan begun = tags();
  begun.begun = "<tool_call>\n";
  AnswerPlan begun_bare = bare();
  begun_bare.begun = "<|tool_call>call:f{";
  const std::string begin = "<tool_call>\n<function=f>\n";
  const std::string end = "</function>\n</tool_call>";
  return {
      {"tags", tags(),
       "<think>x</think>Hm.\n\n" + begin + parameter("text", "a \"b\"\n</p \xC3\xA9\\") +
           parameter("days", "3") + end,
       "r(x)c(Hm.) f{\"text\": \"a \\\"b\\\"\\n</p \xC3\xA9\\\\\", \"days\": 3}"},
      {"tags twice", tags(), begin + parameter("unit", "C") + end + "\n" + begin + end + "\nDone.",
       "c(\nDone.) f{\"unit\": \"C\"} f{}"},
      {"tags that the prompt began", begun, "<function=f>\n" + parameter("days", "4") + end,
       " f{\"days\": 4}"},
      {"values by their schemas", tags(),
       begin + parameter("days", "three") + parameter("either", "5") + parameter("either", "[5]") +
           parameter("tree", "[1, 2]") + parameter("tree", "[true]") + parameter("text", "7") +
           parameter("other", "True") + parameter("other", "so") + parameter("text", "") + end,
       " f{\"days\": \"three\", \"either\": 5, \"either\": \"[5]\", \"tree\": [1, 2], \"tree\": "
       "\"[true]\", \"text\": \"7\", \"other\": true, \"other\": \"so\", \"text\": \"\"}"},
      {"a tool that nobody knows", tags(),
       "<tool_call>\n<function=g>\n" + parameter("a", "{\"b\": null}") + end,
       " g{\"a\": {\"b\": null}}"},
      {"tags without their call's end", tags(), begin + "</function> so", "c( so) f{}"},
      {"what is no parameter", tags(), begin + "text</function>", "c(\ntext</function>) f{}"},
      {"bare", bare(),
       "Hm.<|tool_call>call:f{a:<|\"|>b \"}, <|c\n<|\"|>,d:[1,-2.5,true,None],e:{f:{}},g:word}"
       "<tool_call|><|tool_call>call:g{}<tool_call|>",
       "c(Hm.) f{\"a\": \"b \\\"}, <|c\\n\", \"d\": [1, -2.5, true, null], \"e\": {\"f\": {}}, "
       "\"g\": \"word\"} g{}"},
      {"bare with keys that are texts", bare(),
       "<|tool_call>call:f{<|\"|>a b<|\"|>:<|\"|><|\"|>}<tool_call|>", " f{\"a b\": \"\"}"},
      {"bare that the prompt began", begun_bare, "a:1}<tool_call|>", " f{\"a\": 1}"},
      {"bare that is none", bare(), "<|tool_call>call: f{}<tool_call|>",
       "c(<|tool_call>call: f{}<tool_call|>)"},
  };
}

class AnswerReaderTest : public testing::TestWithParam<Case> {};
class OtherNotation : public testing::TestWithParam<Case> {};

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

TEST_P(OtherNotation, WhereverItIsCut) {
  const auto& [name, plan, text, wanted] = GetParam();
  EXPECT_EQ(shown(read_answer(plan, text)), wanted);
  for (std::size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(read(plan, {text.substr(0, i), text.substr(i)}).first, wanted) << i;
  }
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  EXPECT_EQ(read(plan, bytes).first, wanted);
}

/// What ends early gives the beginning of the same arguments.
TEST_P(OtherNotation, WhereverItEnds) {
  const auto& [name, plan, text, wanted] = GetParam();
  const ReadAnswer whole = read_answer(plan, text);
  for (std::size_t size = 0; size < text.size(); ++size) {
    const ReadAnswer part = read_answer(plan, text.substr(0, size));
    ASSERT_LE(part.calls.size(), whole.calls.size());
    for (std::size_t i = 0; i < part.calls.size(); ++i) {
      EXPECT_EQ(part.calls[i].name, whole.calls[i].name);
      EXPECT_TRUE(whole.calls[i].arguments.starts_with(part.calls[i].arguments))
          << part.calls[i].arguments;
    }
  }
}

/// Whatever ends an answer early, nothing of it is lost.
TEST_P(AnswerReaderTest, WhereverItEnds) {
  const auto& [name, plan, text, wanted] = GetParam();
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string part = text.substr(0, size);
    EXPECT_EQ(read(plan, {part}).second, part);
  }
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Formats, AnswerReaderTest, testing::ValuesIn(cases()), test_name);
INSTANTIATE_TEST_SUITE_P(Formats, OtherNotation, testing::ValuesIn(cases_of_other_notations()),
                         test_name);

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

TEST(AnswerReader, TextsInTagsComeWhileTheyAreWritten) {
  AnswerReader reader(tags());
  const auto arguments = [&](const std::string& piece) {
    std::string more;
    for (const AnswerPart& part : reader.add(piece)) {
      if (part.kind == Kind::kArguments) more += part.text;
    }
    return more;
  };
  EXPECT_EQ(arguments("<tool_call>\n<function=f>\n<parameter=text>\nLong"), "{\"text\": \"Long");
  EXPECT_EQ(arguments(" text\n"), " text");
  EXPECT_EQ(arguments("on"), "\\non");
  EXPECT_EQ(arguments("\n</parameter>"), "\"");
  EXPECT_EQ(arguments("\n<parameter=days>\n1"), ", \"days\": ");
  EXPECT_EQ(arguments("2\n</parameter>\n</function>"), "12}");
}

}  // namespace
}  // namespace saccade::server
