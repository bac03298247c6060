// saccade bench: how fast a model is here.
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json_text.h"
#include "cli/bench_report.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/listener.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/standard_streams.h"
#include "saccade/bench.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "What is asked for is measured; without --prefill, --decode and --image: a prompt of 512\n"
    "tokens, 128 tokens of answer and, if the model has a tower, a picture of 640x480 pixels.\n"
    "Prompts are random tokens and pictures look like photographs. Figures are medians over\n"
    "--repeat runs, after one that does not count; load and first_token, which counts from the\n"
    "start of loading, are of the one time that the model is loaded.\n\n"
    "Examples:\n"
    "  saccade bench ./Qwen2.5-VL-3B-Instruct --roofline\n"
    "  saccade bench ./model.gguf --prefill 512,4096 --decode 128 --batch 1,16 --threads 1,8\n"
    "  saccade bench --random qwen2.5-vl-7b --weights mlx4 --device cuda --decode 128 --json";

constexpr std::int64_t kDefaultPrefill = 512;
constexpr std::int64_t kDefaultDecode = 128;
constexpr PictureSize kDefaultPicture = {640, 480};

struct CommandOptions {
  std::string model;
  RandomModel random;
  EngineOptions engine;
  BenchOptions bench;
  std::vector<std::int64_t> threads;  ///< one measurement after the other; empty: all cores
  bool roofline = false;
  bool json = false;
};

/// What is measured where nothing is asked for.
void fill_defaults(BenchOptions& bench, const ModelInfo& info) {
  if (!bench.prefill.empty() || bench.decode > 0 || !bench.images.empty()) return;
  bench.prefill = {kDefaultPrefill};
  bench.decode = kDefaultDecode;
  for (const ModelPart& part : info.parts) {
    if (part.name == "vision tower") bench.images = {kDefaultPicture};
  }
}

class BenchTerminalListener : public BenchListener {
 public:
  void on_progress(const std::string& what, int done, int total) override {
    line_.show(what + ": " + progress_bar(done, total), true);
  }
  bool cancelled() override { return interrupted(); }

 private:
  ProgressLine line_{stderr_shows_progress()};
};

/// `threads` 0: one for each core.
BenchReport measure(const CommandOptions& options, std::int64_t threads) {
  const InterruptScope interrupt_scope;
  BenchTerminalListener listener;
  BenchOptions bench = options.bench;
  EngineOptions engine_options = options.engine;
  engine_options.threads = static_cast<int>(threads);
  if (options.roofline) {
    listener.on_progress("the device's limits", 0, 1);
    bench.roofline = measure_roofline(engine_options);
    bench.limits_beside_runs = true;
    if (interrupted()) throw Interrupted();
  }
  TerminalListener loading(false);
  Engine engine = options.random.shape.empty()
                      ? Engine::load(options.model, engine_options, &loading)
                      : Engine::load_random(options.random, engine_options, &loading);
  loading.finish(false);
  fill_defaults(bench, engine.info());
  BenchReport report = engine.bench(bench, &listener);
  if (!report.complete) throw Interrupted();
  return report;
}

int run(const CommandOptions& options) {
  const bool random = !options.random.shape.empty();
  if (random == !options.model.empty()) {
    fail_usage("bench: wanted MODEL or --random SHAPE, found {}", random ? "both" : "neither");
  }
  const std::string name =
      random ? options.random.shape + " (random, " + options.random.weights + ")" : options.model;
  std::vector<std::int64_t> thread_counts = options.threads;
  if (thread_counts.empty()) thread_counts = {0};
  std::vector<BenchReport> reports;
  for (const std::int64_t threads : thread_counts) {
    reports.push_back(measure(options, threads));
    if (options.json) continue;
    write_output((reports.size() > 1 ? "\n" : "") + bench_text(reports.back(), name));
  }
  if (options.json) write_output(json_text(bench_json(reports, name)) + "\n");
  return kSuccess;
}

void add_model_options(CLI::App& command, CommandOptions& options) {
  command.add_option("MODEL", options.model, "What to measure: any MODEL that saccade run takes")
      ->type_name("");
  std::string shapes;
  for (const std::string& name : random_shapes()) shapes += (shapes.empty() ? "" : ", ") + name;
  command
      .add_option(
          "--random", options.random.shape,
          "Instead of MODEL: random weights, made in memory, in one of the shapes " + shapes)
      ->type_name("SHAPE");
  command
      .add_option("--weights", options.random.weights,
                  "How random weights are stored: bf16 (the default), mlx4 (4 bits in groups of "
                  "64) or q4_0")
      ->type_name("TYPE");
  add_mmproj_option(command, options.engine);
  add_tower_precision_option(command, "--tower-precision", options.engine);
  add_kv_bits_option(command, "--kv-bits", options.engine);
  add_activations_option(command, "--activations",
                         "Inputs of quantized layers: int8 (the default) or f32", options.engine);
  add_device_options(command, options.engine);
  add_counts(command, "--threads", "--threads",
             "Threads of the processor (default: one for each core); with several numbers "
             "everything is measured with each. Without --device, these compute",
             options.threads, kMaxThreads);
}

void add_measures(CLI::App& command, BenchOptions& bench) {
  add_counts(command, "--prefill,--prompt-tokens", "--prefill",
             "Read a prompt of so many tokens; several lengths are measured one by one",
             bench.prefill);
  add_value(
      command, "--decode,--gen-tokens", "N", "Answer with so many tokens",
      [&bench](const std::string& text) { bench.decode = parse_integer("--decode", text, 1); });
  add_counts(command, "--batch", "--batch", "Sequences that decode together (default 1)",
             bench.batch);
  add_count(command, "--context", 1,
            "Tokens that each sequence has before it decodes (default 512)",
            [&bench](std::int64_t count) { bench.context = count; });
  add_value(command, "--image", "WxH,...", "Read a JPEG of so many pixels, and encode it",
            [&bench](const std::string& text) {
              for (const std::string& word : words_between_commas(text)) {
                bench.images.push_back(parse_picture_size("--image", word));
              }
            });
  add_count(command, "--max-pixels", 1, "Shrink pictures that have more pixels",
            [&bench](std::int64_t pixels) { bench.max_pixels = pixels; });
  add_value(command, "--repeat", "N", "Runs of each measurement (default 5)",
            [&bench](const std::string& text) {
              bench.repeat = static_cast<int>(parse_integer("--repeat", text, 1, 1000));
            });
}

}  // namespace

void add_bench_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("bench", "Measure how fast a model is on this machine");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<CommandOptions>();
  options->engine = engine_options_from_environment();
  add_model_options(*command, *options);
  add_measures(*command, options->bench);
  EngineOptions& engine = options->engine;
  add_count(*command, "--batch-tokens", 1,
            "Tokens that one step of the model takes (default: the device's choice)",
            [&engine](std::int64_t count) { engine.max_batch_tokens = count; });
  command->add_flag("--roofline", options->roofline,
                    "Measure the device's memory and matrix products first, a processor's again "
                    "between the runs, and say how much of these limits each figure reaches");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
