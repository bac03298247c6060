// saccade grammar: documents on files and standard input, and mistakes.
#include <gtest/gtest.h>

#include "process.h"
#include "temporary_directory.h"

namespace saccade::cli {
namespace {

class GrammarCommand : public testing::Test {
 protected:
  Outcome check(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), "grammar");
    return run_program(Invocation{std::move(arguments), input, {}, {}, ""});
  }
  void expect_accepted(const Outcome& outcome) {
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out + outcome.err, "");
  }
  std::string file(const std::string& name, const std::string& text) {
    return directory_.write(name, text).string();
  }

  TemporaryDirectory directory_;
};

TEST_F(GrammarCommand, Documents) {
  const std::string schema = file("s.json", R"({"type": "object", "required": ["a"],
    "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}})");
  expect_accepted(
      check({"--schema", schema, "--check", file("d.json", "{\"b\": \"x\",\n \"a\": 1}\n")}));
  expect_accepted(check({"--schema", schema, "--check", "-"}, R"({"a": 1.0})"));
  expect_accepted(
      check({"--schema", "-", "--check", file("n.json", "null")}, R"({"type": "null"})"));
  expect_refused(check({"--schema", schema, "--check", "-"}, "{\"b\": \"x\",\n \"a\": \"1\"}"), 1,
                 "standard input: line 2, column 7: expected \"-\" or a digit");
  expect_refused(check({"--schema", schema, "--check", "-"}, "{\"b\": \"x\"}"), 1,
                 "line 1, column 10");
  expect_refused(check({"--schema", schema, "--check", "-"}, "{\"a\": 1"), 1, "it ends too early");
}

TEST_F(GrammarCommand, OtherGrammars) {
  expect_accepted(check({"--regex", "\\d{4}-\\d\\d", "--check", "-"}, "2026-11"));
  expect_refused(check({"--regex", "\\d{4}-\\d\\d", "--check", "-"}, "2026-1x"), 1,
                 "line 1, column 7: expected a digit");
  expect_accepted(check({"--regex", "", "--check", "-"}, ""));
  expect_accepted(check({"--choice", "yes", "--choice", "no", "--check", "-"}, "no"));
  expect_refused(check({"--choice", "yes", "--choice", "no", "--check", "-"}, "na"), 1,
                 "line 1, column 2: expected \"o\"");
  const std::string rules = file("g.gbnf", "root ::= \"(\" root? \")\"\n");
  expect_accepted(check({"--gbnf", rules, "--check", "-"}, "(())"));
  expect_refused(check({"--gbnf", rules, "--check", "-"}, "(()"), 1, "expected \")\"");
}

TEST_F(GrammarCommand, MistakesAreOneLine) {
  const std::string schema = file("s.json", R"({"properties": {"a": {"unevaluatedItems": {}}}})");
  expect_refused(check({"--schema", schema, "--check", "-"}), 2,
                 "#/properties/a: the keyword \"unevaluatedItems\" is not supported");
  expect_refused(check({"--schema", file("b.json", "{"), "--check", "-"}), 2, "not valid JSON");
  expect_refused(check({"--regex", "(?=a)", "--check", "-"}), 2, "lookahead");
  expect_refused(check({"--gbnf", file("g.gbnf", "a ::= b"), "--check", "-"}), 2, "b is used");
  expect_refused(check({"--check", "-"}), 2, "--schema");
  expect_refused(check({"--regex", "a", "--choice", "a", "--check", "-"}), 2, "one of --schema");
  expect_refused(check({"--schema", "-", "--check", "-"}), 2, "standard input");
  expect_refused(check({"--regex", "a"}), 2, "--check");
  expect_refused(check({"--regex", "a", "--check", directory_.file("none")}), 1, "none");
  expect_refused(check({"--schema", directory_.file("none"), "--check", "-"}), 1, "none");
}

}  // namespace
}  // namespace saccade::cli
