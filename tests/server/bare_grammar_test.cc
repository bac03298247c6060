// Calls in Gemma 4's notation: what the grammar lets a model write is, read as JSON, what the
// schema allows.
#include "server/bare_grammar.h"

#include <gmock/gmock.h>

#include <random>

#include "grammar/matcher.h"
#include "grammar/special_text.h"
#include "saccade/grammar.h"
#include "server/answer_reader.h"
#include "server/call_schema.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

CallSyntax bare_syntax() {
  return {.form = CallSyntax::Form::kBare,
          .begin = "<|tool_call>",
          .end = "<tool_call|>",
          .special = {"<|tool_call>", "<tool_call|>", "<|\"|>"}};
}

Tool tool(const std::string& name, const std::string& parameters) {
  const json::value schema = json::parse(parameters);
  return make_tool(name, &schema, "tools[0]");
}

/// Letters, the marks as special tokens, and the letters of the marks.
class Calls {
 public:
  Calls() {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const std::string& mark : bare_syntax().special) {
      tokens.push_back(mark);
      tokens.push_back(grammar::special_text(mark));
    }
    tokens.emplace_back("<end>");
    end_ = static_cast<std::int32_t>(tokens.size()) - 1;
    vocabulary_ = std::make_shared<const grammar::Vocabulary>(tokens, std::array{end_});
  }

  /// A random call of one of the tools as a reader sees it; empty if it does not come to its end.
  std::string random_call(const std::string& rules, std::mt19937& random) const {
    grammar::Matcher matcher(std::make_shared<const grammar::TokenMasks>(
        grammar::Grammar::gbnf(rules, "call"), vocabulary_));
    std::vector<std::uint64_t> bits(vocabulary_->mask_words());
    std::string text = bare_syntax().begin;
    for (int step = 0; step < 600 && !matcher.must_end(); ++step) {
      matcher.mask(bits);
      std::vector<std::int32_t> allowed;
      for (std::int32_t id = 0; id < end_; ++id) {
        const bool letter = id < 0x7F || id > 0xFF;
        if (letter && (bits[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1)) {
          allowed.push_back(id);
        }
      }
      std::int32_t chosen = allowed.at(random() % allowed.size());
      // What closes is liked more and more.
      for (int tries = 0; tries < step / 30 && !closes(chosen); ++tries) {
        chosen = allowed[random() % allowed.size()];
      }
      EXPECT_TRUE(matcher.accept(chosen));
      std::string bytes(vocabulary_->bytes(static_cast<std::size_t>(chosen)));
      if (grammar::holds_special(bytes)) bytes = bytes.substr(1, bytes.size() - 2);
      text += bytes;
    }
    return matcher.must_end() ? text : "";
  }

 private:
  bool closes(std::int32_t id) const {
    const std::string_view bytes = vocabulary_->bytes(static_cast<std::size_t>(id));
    return grammar::holds_special(bytes) || bytes == "}" || bytes == "]";
  }

  std::int32_t end_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
};

const char* const kSchemas[] = {
    R"({})",
    R"({"properties": {"a": {"type": "integer", "maximum": 20}, "B": {"type": "string"},
        "c": {"enum": ["x y", 3, null, "q"]}}, "required": ["B"]})",
    R"({"properties": {"a": {"type": "null"}, "b": {"type": "boolean"}}})",
    R"({"properties": {"z": {}, "list": {"type": "array", "items": {"type": "number"},
        "minItems": 1, "maxItems": 3}}, "required": ["z", "list", "other"]})",
    R"({"properties": {"tree": {"$ref": "#/$defs/tree"}}, "required": ["tree"], "$defs": {"tree":
        {"type": "object", "properties": {"n": {"type": "integer"}, "l": {"$ref": "#/$defs/tree"},
         "r": {"$ref": "#/$defs/tree"}}, "required": ["n"], "additionalProperties": false}}})",
    R"({"properties": {"when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "size": {"type": ["string", "integer"], "maxLength": 3, "minimum": 5}},
        "required": ["when", "size"], "additionalProperties": false})",
    R"({"additionalProperties": {"type": "object", "properties": {"k": {"const": "v"}},
        "required": ["k"]}})",
};

TEST(BareGrammar, WhatMayBeWrittenIsWhatTheSchemaAllows) {
  const Calls calls;
  std::mt19937 random(3);
  AnswerPlan plan;
  plan.syntax.calls = bare_syntax();
  for (const char* schema : kSchemas) {
    const std::vector<Tool> tools = {tool("use", schema), make_tool("now", nullptr, "tools[1]")};
    const std::string rules = call_grammar(tools, bare_syntax(), false);
    const Grammar wanted =
        Grammar::json_schema(json::serialize(arguments_schema(tools[0])), "arguments");
    int used = 0;
    for (int round = 0; round < 60; ++round) {
      const std::string text = calls.random_call(rules, random);
      if (text.empty()) continue;
      const ReadAnswer answer = read_answer(plan, text);
      ASSERT_EQ(answer.calls.size(), 1u) << text;
      EXPECT_EQ(answer.content, "") << text;
      if (answer.calls[0].name == "now") {
        EXPECT_EQ(answer.calls[0].arguments, "{}");
        continue;
      }
      ++used;
      ASSERT_EQ(answer.calls[0].name, "use");
      // Of keys that nobody named one may be there twice; readers take the last.
      const json::value read = json::parse(answer.calls[0].arguments);
      EXPECT_FALSE(wanted.check(json::serialize(read))) << schema << "\n" << text;
    }
    EXPECT_GT(used, 5) << schema;
  }
}

TEST(BareGrammar, WhatItIs) {
  CallSyntax letters = bare_syntax();
  letters.special.clear();
  const std::vector<Tool> tools = {
      tool("add", R"({"properties": {"b": {"type": "string"}, "A": {"type": "integer"},
                      "c": {"type": "array", "items": {"type": "boolean"}}}, "required": ["c"]})"),
      make_tool("now", nullptr, "tools[1]")};
  const Grammar one = Grammar::gbnf(call_grammar(tools, letters, false), "call");
  const auto accepts = [&](const std::string& text) { return !one.check(text); };
  EXPECT_TRUE(accepts("call:add{c:[]}<tool_call|>"));
  EXPECT_TRUE(accepts("call:add{A:1,b:<|\"|>two, {\"x\"}\n<|\"|>,c:[true,false]}<tool_call|>"));
  EXPECT_TRUE(accepts("call:now{}<tool_call|>"));
  EXPECT_FALSE(accepts("call:add{}<tool_call|>"));
  EXPECT_FALSE(accepts("call:add{A:1.5,c:[]}<tool_call|>"));
  EXPECT_FALSE(accepts("call:add{c:[],A:1}<tool_call|>"));
  EXPECT_FALSE(accepts("call:add{c:[],}<tool_call|>"));
  EXPECT_FALSE(accepts("call:add{c:[],d:1}<tool_call|>"));
  EXPECT_FALSE(accepts("call:now{c:[]}<tool_call|>"));
  EXPECT_FALSE(accepts("call:sub{c:[]}<tool_call|>"));
  EXPECT_FALSE(accepts("call:now{}<tool_call|><|tool_call>call:now{}<tool_call|>"));
  const Grammar some = Grammar::gbnf(call_grammar(tools, letters, true), "calls");
  EXPECT_FALSE(some.check("call:now{}<tool_call|><|tool_call>call:add{c:[]}<tool_call|>"));
}

TEST(BareGrammar, WhatIsNotSupportedIsNamed) {
  for (const auto& [schema, what] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"minProperties": 1})", "\"minProperties\""},
           {R"({"properties": {"a": {"oneOf": [{}, {}]}}})", "\"oneOf\""},
           {R"({"properties": {"a": {"type": "array", "uniqueItems": true}}})", "\"uniqueItems\""},
           {R"({"properties": {"a,b": {}}})", "the key \"a,b\""},
           {R"({"properties": {"a": {"$ref": "#/$defs/b"}}})", "\"$ref\": \"#/$defs/b\""},
           {R"({"properties": {"a": {"const": [1]}}})", "a constant object or array"},
           {R"({"properties": {"a": {"anyOf": [{}], "type": "object"}}})",
            "\"type\" beside \"anyOf\""},
           {R"({"properties": {"a": {"anyOf": [{}], "maxLength": 3}}})", "\"maxLength\" beside"},
           {R"({"properties": {"a": {"$ref": "#", "minimum": 3}}})", "\"minimum\" beside"},
           {R"({"properties": {"a": {"enum": ["b"], "maxLength": 3}}})", "beside \"enum\""},
           {R"({"properties": {"a": {"enum": ["b"], "const": "b"}}})", "beside \"enum\""},
           {R"({"properties": {"a": false}})", "a schema that is no object"},
           {R"({"anyOf": [{}]})", "as a whole"}}) {
    try {
      call_grammar(std::vector{tool("f", schema)}, bare_syntax(), false);
      ADD_FAILURE() << schema;
    } catch (const ApiError& error) {
      EXPECT_THAT(error.what(), HasSubstr(what)) << schema;
      EXPECT_THAT(error.what(), HasSubstr("the parameters of f"));
    }
  }
}

}  // namespace
}  // namespace saccade::server
