// saccade tokenize: text to token ids and back.
#include <boost/json.hpp>
#include <limits>
#include <memory>

#include "base/error.h"
#include "base/json.h"
#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "saccade/tokenizer.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "Reads standard input to its end, as it is, and prints the ids as a JSON array. MODEL may "
    "also\n"
    "be a GGUF file, one of a vocabulary alone too. Special tokens written in the text, such as\n"
    "<|im_end|>, become that token.\n\n"
    "Examples:\n"
    "  printf 'Hello' | saccade tokenize ./Qwen2.5-VL-3B-Instruct\n"
    "  printf '[9707]' | saccade tokenize ./model.gguf --detokenize";

struct TokenizeOptions {
  std::string model;
  bool special = false;
  bool detokenize = false;
};

std::vector<std::int32_t> ids_of(const std::string& text) {
  const boost::json::value value = parse_json(text, "standard input");
  const boost::json::array* list = value.if_array();
  if (!list) fail("standard input: wanted a JSON array of token ids");
  std::vector<std::int32_t> ids;
  ids.reserve(list->size());
  for (const boost::json::value& item : *list) {
    boost::json::error_code not_an_id;
    ids.push_back(item.to_number<std::int32_t>(not_an_id));
    if (not_an_id) {
      fail("standard input: token {}: wanted a token id, found {}", ids.size(), json_text(item));
    }
  }
  return ids;
}

int run(const TokenizeOptions& options) {
  if (options.special && options.detokenize) {
    fail_usage("--special adds tokens to a text and --detokenize wants none; give one of them");
  }
  const Tokenizer tokenizer = Tokenizer::load(options.model);
  const std::string input = read_standard_input();
  if (options.detokenize) {
    write_output(tokenizer.decode(ids_of(input)));
    return kSuccess;
  }
  boost::json::array ids;
  for (const std::int32_t id : tokenizer.encode(input, options.special)) ids.emplace_back(id);
  write_output(json_text(ids) + "\n");
  return kSuccess;
}

}  // namespace

void add_tokenize_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("tokenize", "Turn text on standard input into token ids, or back");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<TokenizeOptions>();
  add_model_argument(*command, options->model);
  command->add_flag("--special", options->special,
                    "Add the tokens that the model wants around a text, such as <s>");
  command->add_flag("--detokenize", options->detokenize,
                    "Read a JSON array of ids and print their text, without a line break added");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
