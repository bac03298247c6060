// saccade grammar: whether a document follows a schema or grammar.
#include <CLI/Option.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "saccade/grammar.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "Says nothing and ends with status 0 if the document is accepted; otherwise one line\n"
    "says where it is not and what may stand there, with status 1. A schema or grammar that\n"
    "is wrong, or asks for what is not supported, is status 2. A regular expression and a\n"
    "choice stand for the whole document, a line break at its end included. - is standard\n"
    "input.\n\n"
    "Examples:\n"
    "  saccade grammar --schema tags.json --check answer.json\n"
    "  printf '2026-11-21' | saccade grammar --regex '\\d{4}-\\d\\d-\\d\\d' --check -\n"
    "  printf yes | saccade grammar --choice yes --choice no --check -";

struct GrammarOptions {
  std::string schema;
  std::string regex;
  std::string gbnf;
  std::vector<std::string> choices;
  std::string document;
  bool has_regex = false;
};

std::string read(const std::string& file) {
  return file == "-" ? read_standard_input() : read_text_file(file);
}

std::string name_of(const std::string& file) {
  return file == "-" ? "standard input" : file;
}

Grammar compile(const GrammarOptions& options) {
  const std::string file = !options.schema.empty() ? options.schema : options.gbnf;
  const std::string text = file.empty() ? std::string() : read(file);
  try {
    if (!options.schema.empty()) return Grammar::json_schema(text, name_of(file));
    if (!options.gbnf.empty()) return Grammar::gbnf(text, name_of(file));
    if (options.has_regex) return Grammar::regex(options.regex);
    return Grammar::choice(options.choices);
  } catch (const Error& error) {
    throw Error(error.what(), ErrorKind::kUsage);
  }
}

int run(const GrammarOptions& options) {
  const int given = !options.schema.empty() + !options.gbnf.empty() + options.has_regex +
                    !options.choices.empty();
  if (given != 1) fail_usage("wanted one of --schema, --regex, --gbnf and --choice");
  if (options.document == "-" && (options.schema == "-" || options.gbnf == "-")) {
    fail_usage("standard input can be the grammar or the document, and not both");
  }
  const Grammar grammar = compile(options);
  const auto mismatch = grammar.check(read(options.document));
  if (!mismatch) return kSuccess;
  fail("{}: line {}, column {}: {}expected {}", name_of(options.document), mismatch->line,
       mismatch->column, mismatch->at_end ? "it ends too early: " : "", mismatch->expected);
}

}  // namespace

void add_grammar_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("grammar", "Check a document against a JSON Schema or another grammar");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<GrammarOptions>();
  command->add_option("--schema", options->schema, "A JSON Schema (draft 2020-12)")
      ->type_name("FILE");
  CLI::Option* regex =
      command->add_option("--regex", options->regex, "A regular expression for the whole document")
          ->type_name("RE");
  command->add_option("--gbnf", options->gbnf, "A grammar in llama.cpp's language")
      ->type_name("FILE");
  command->add_option("--choice", options->choices, "The document, or one of several; repeatable")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  command->add_option("--check", options->document, "The document")->type_name("FILE")->required();
  command->callback([options, regex, &action] {
    options->has_regex = regex->count() > 0;
    action = [options] { return run(*options); };
  });
}

}  // namespace saccade::cli
