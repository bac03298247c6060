// saccade inspect: what a checkpoint holds.
#include <memory>

#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reports.h"

namespace saccade::cli {
namespace {

struct InspectOptions {
  std::string model;
  EngineOptions engine;
  bool json = false;
};

int run(const InspectOptions& options) {
  const ModelInfo info = inspect_model(options.model, options.engine);
  write_output(options.json ? json_text(inspect_json(info)) + "\n" : inspect_text(info));
  return kSuccess;
}

}  // namespace

void add_inspect_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "inspect", "Show a model's family, parts, size, context length and memory a token");
  command->footer(
      "Reads the files' headers only; the model is not loaded.\n\n"
      "Example:\n"
      "  saccade inspect ./Qwen2.5-VL-3B-Instruct");
  command->group("Commands");
  const auto options = std::make_shared<InspectOptions>();
  options->engine = engine_options_from_environment();
  add_model_argument(*command, options->model);
  add_mmproj_option(*command, options->engine);
  add_device_option(*command, options->engine);
  command->add_flag("--json", options->json, "Print one JSON object with exact numbers");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
