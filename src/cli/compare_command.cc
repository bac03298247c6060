// saccade compare: how far one checkpoint is from another.
#include <memory>
#include <string>

#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compare_inputs.h"
#include "cli/compare_report.h"
#include "cli/interrupt.h"
#include "cli/listener.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/standard_streams.h"
#include "saccade/compare.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "A answers every prompt about every picture greedily; B is led along the same tokens, and "
    "what\n"
    "both expect before each of them is compared. KL divergence is 0 when B cannot be told from "
    "A.\n"
    "One model is in memory at a time; A's logits wait in a file under TMPDIR. "
    "docs/quantization.md\n"
    "says how to read the figures.\n\n"
    "Examples:\n"
    "  saccade compare glance ./glance-4bit --images assets/pictures --prompts prompts.txt\n"
    "  saccade compare model.gguf model.gguf --activations-a f32 --prompts prompts.txt --json";

struct CommandOptions {
  CompareOptions compare;
  std::string images;
  std::string prompts;
  bool json = false;
};

/// The bar, and Ctrl-C.
class CompareTerminalListener : public CompareListener {
 public:
  void on_progress(const CompareProgress& progress) override {
    // Loading and looking at pictures do not ask cancelled().
    if (interrupted()) throw Interrupted();
    line_.show(compare_progress_text(progress), false);
  }
  bool cancelled() override { return interrupted(); }

 private:
  ProgressLine line_{stderr_shows_progress()};
};

CompareReport compare_with_progress(const CompareOptions& options) {
  const InterruptScope interrupt_scope;
  CompareTerminalListener listener;
  CompareReport report = compare(options, &listener);
  if (!report.complete) throw Interrupted();
  return report;
}

int run(const CommandOptions& command) {
  CompareOptions options = command.compare;
  options.prompts = read_prompts(command.prompts);
  if (!command.images.empty()) options.images = list_pictures(command.images);
  const CompareReport report = compare_with_progress(options);
  write_output(command.json ? json_text(compare_json(report)) + "\n" : compare_text(report));
  return kSuccess;
}

/// The options that each of the two models has for itself; `letter` is a or b.
void add_model_options(CLI::App& command, const std::string& letter, CompareModel& model) {
  const std::string name = letter == "a" ? "A" : "B";
  command
      .add_option("--mmproj-" + letter, model.engine.mmproj,
                  "The vision tower of " + name + ", when that is a .gguf model")
      ->type_name("FILE");
  add_activations_option(command, "--activations-" + letter,
                         "Inputs of quantized layers of " + name + ": int8 (the default) or f32",
                         model.engine);
  add_tower_precision_option(command, "--tower-precision-" + letter, model.engine);
  add_kv_bits_option(command, "--kv-bits-" + letter, model.engine);
}

void add_options(CLI::App& command, CommandOptions& options) {
  CompareOptions& compare = options.compare;
  command.add_option("A", compare.a.model, "The reference: any MODEL that saccade run takes")
      ->required()
      ->type_name("");
  command.add_option("B", compare.b.model, "The model to compare with it; may be A")
      ->required()
      ->type_name("");
  command
      .add_option("--prompts", options.prompts,
                  "A file with a prompt on each line; empty lines and those that begin with # do "
                  "not count")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--images", options.images,
                  "A directory of pictures; every prompt is asked about each. Without it: text "
                  "alone")
      ->type_name("DIR");
  add_count(command, "--max-tokens", 1, "Longest answer, in tokens (default 32)",
            [&compare](std::int64_t count) { compare.max_tokens = count; });
  add_count(command, "--max-pixels", 1, "Shrink pictures that have more pixels",
            [&compare](std::int64_t pixels) { compare.max_pixels = pixels; });
  add_model_options(command, "a", compare.a);
  add_model_options(command, "b", compare.b);
  add_device_options(command, compare.a.engine);
  add_threads_option(command, compare.a.engine);
  command.add_flag("--json", options.json, "Print one JSON object");
}

}  // namespace

void add_compare_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "compare", "Measure how far a model is from another, such as a quantized one");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<CommandOptions>();
  options->compare.a.engine = engine_options_from_environment();
  options->compare.b.engine = engine_options_from_environment();
  add_options(*command, *options);
  command->callback([options, &action] {
    // Both models run in the same place.
    const EngineOptions& a = options->compare.a.engine;
    EngineOptions& b = options->compare.b.engine;
    b.device = a.device;
    b.batch_invariant = a.batch_invariant;
    b.threads = a.threads;
    action = [options] { return run(*options); };
  });
}

}  // namespace saccade::cli
