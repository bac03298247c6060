// saccade template: what a chat template makes of messages.
#include <CLI/Option.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "saccade/chat_template.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "The prompt is printed as it is, without a line break added. Messages are those of the\n"
    "template: [{\"role\": \"user\", \"content\": \"What is this?\"}], pictures being parts such "
    "as\n"
    "{\"type\": \"image\"}. A MODEL's special tokens are variables; a file has those of --var.\n\n"
    "Examples:\n"
    "  saccade template ./Qwen2.5-VL-3B-Instruct --messages chat.json --tools tools.json\n"
    "  saccade template --file chat_template.jinja --messages chat.json --var 'bos_token=\"<s>\"'";

struct TemplateOptions {
  std::string model;
  std::string file;
  std::string messages;
  std::string tools;
  std::vector<std::string> variables;  // NAME=JSON
  TemplateInputs inputs;
};

std::pair<std::string, std::string> variable_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    fail_usage("--var: wanted NAME=JSON, found {}", text);
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

int run(TemplateOptions options) {
  if (options.model.empty() == options.file.empty()) {
    fail_usage("wanted a MODEL or --file with a template, and not both");
  }
  for (const std::string& variable : options.variables) {
    options.inputs.variables.push_back(variable_of(variable));
  }
  const ChatTemplate chat_template =
      options.file.empty() ? ChatTemplate::load(options.model) : ChatTemplate::read(options.file);
  options.inputs.messages = read_text_file(options.messages);
  if (!options.tools.empty()) options.inputs.tools = read_text_file(options.tools);
  write_output(chat_template.render(options.inputs));
  return kSuccess;
}

}  // namespace

void add_template_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("template", "Print the prompt that a chat template makes of messages");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<TemplateOptions>();
  command->add_option("MODEL", options->model, "Whose template: any MODEL that saccade run takes");
  command->add_option("--file", options->file, "A Jinja template instead of a model's")
      ->type_name("FILE");
  command->add_option("--messages", options->messages, "A JSON array of messages")
      ->type_name("FILE")
      ->required();
  command->add_option("--tools", options->tools, "A JSON array of tools")->type_name("FILE");
  command->add_option("--var", options->variables, "A variable that the template sees; repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME=JSON");
  command->add_flag(
      "--no-generation-prompt",
      [options](std::int64_t) { options->inputs.add_generation_prompt = false; },
      "Do not begin the model's turn at the end");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
