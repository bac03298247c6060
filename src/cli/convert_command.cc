// saccade convert: a model in another format or precision.
#include "saccade/convert.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/listener.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/standard_streams.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "SRC is a directory, a .gguf file, glance or ORG/NAME in the local Hugging Face cache. DST is "
    "a\n"
    "directory as MLX writes it, or, when it ends in .gguf, a GGUF file with its vision tower in\n"
    "mmproj-DST beside it. DST must not exist, and appears when it is complete.\n\n"
    "Examples:\n"
    "  saccade convert Qwen/Qwen2.5-VL-3B-Instruct ./qwen-4bit --quantize 4\n"
    "  saccade convert Qwen/Qwen2.5-VL-3B-Instruct ./qwen-mixed --quantize 4 --mixed\n"
    "  saccade convert ./model model.gguf --quantize q4_k --mixed\n"
    "  saccade convert model.gguf ./model --dtype bf16";

constexpr int kBarWidth = 24;

struct ConvertCommand {
  std::string source;
  std::string destination;
  ConvertOptions options;
};

/// A bar on a terminal's standard error; Ctrl-C ends the conversion.
class ConvertTerminalListener : public ConvertListener {
 public:
  void on_progress(std::int64_t done, std::int64_t total) override {
    if (interrupted()) {
      progress_.erase();
      throw Interrupted();
    }
    const std::int64_t filled = total > 0 ? std::min(done, total) * kBarWidth / total : 0;
    const std::string bar(static_cast<std::size_t>(filled), '=');
    progress_.show(fmt::format("[{:<{}}] {:>6}  {} of {}", bar, kBarWidth, percent(done, total),
                               short_bytes(done), short_bytes(total)),
                   false);
  }
  void finish() { progress_.erase(); }

 private:
  ProgressLine progress_{stderr_shows_progress()};
};

void say(const std::string& line) {
  if (stderr_shows_progress()) write_all(STDERR_FILENO, line + "\n");
}

int run(const ConvertCommand& command) {
  const InterruptScope interrupt_scope;
  ConvertTerminalListener listener;
  const auto start = std::chrono::steady_clock::now();
  const ConvertResult result =
      convert(command.source, command.destination, command.options, &listener);
  listener.finish();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  const double bits = result.parameters > 0 ? 8.0 * static_cast<double>(result.bytes) /
                                                  static_cast<double>(result.parameters)
                                            : 0.0;
  say(fmt::format("{} weights, {} -> {} ({:.2f} bits a weight) in {}",
                  short_count(result.parameters), short_bytes(result.source_bytes),
                  short_bytes(result.bytes), bits, duration(time.count())));
  if (result.kept_codes > 0) {
    say(fmt::format("{} of {} quantized matrices keep their codes", result.kept_codes,
                    result.quantized));
  }
  if (result.left_unquantized > 0) {
    say(fmt::format(
        "{} matrices are not quantized as asked: their rows are no multiple of the group",
        result.left_unquantized));
  }
  write_output(result.path + "\n");
  if (!result.projector_path.empty()) write_output(result.projector_path + "\n");
  return kSuccess;
}

void add_options(CLI::App& command, ConvertOptions& options) {
  command
      .add_option("--quantize", options.quantize,
                  "What matrices become: 2, 3, 4, 5, 6 or 8 bits, mxfp4, mxfp8 or nvfp4 in a "
                  "directory; q8_0, q4_0, q4_1, q5_0, q5_1, q2_k to q6_k, iq4_nl, iq4_xs or mxfp4 "
                  "in a .gguf file. Without it they keep what they have")
      ->type_name("TYPE");
  add_value(command, "--group-size", "N", "Weights that share a scale: 32, 64 (default) or 128",
            [&options](const std::string& text) {
              options.group_size = parse_integer("--group-size", text, 32, 128);
            });
  command.add_flag("--mixed", options.mixed,
                   "More bits for the weights that suffer most: output layer, embeddings, and "
                   "v_proj and down_proj of some layers");
  command.add_flag("--quantize-towers", options.quantize_towers,
                   "Quantize vision towers and projectors too");
  command
      .add_option("--dtype", options.dtype,
                  "What is not quantized becomes f32, f16 or bf16 (default: stays)")
      ->type_name("TYPE");
  add_value(command, "--threads", "N", "Threads to compute with (default: one for each core)",
            [&options](const std::string& text) {
              options.threads = static_cast<int>(parse_integer("--threads", text, 1, 1024));
            });
}

}  // namespace

void add_convert_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("convert", "Write a model in another format or with fewer bits");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<ConvertCommand>();
  command->add_option("SRC", options->source, "The model to convert")->required()->type_name("");
  command->add_option("DST", options->destination, "What to write: a directory or NAME.gguf")
      ->required()
      ->type_name("");
  add_options(*command, options->options);
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
