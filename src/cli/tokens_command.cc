// saccade tokens: what a request costs, before it is made.
#include <algorithm>
#include <memory>

#include "base/json_text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/listener.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/reports.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "Counts without loading the model; with --measure the model answers a few tokens to see how\n"
    "fast it is here.\n\n"
    "Examples:\n"
    "  saccade tokens glance \"What is this?\" --image photo.jpg\n"
    "  saccade tokens glance \"What is this?\" --image photo.jpg --max-pixels 200000 --measure";

// Long enough for a steady rate, short enough to wait for.
constexpr std::int64_t kMeasuredTokens = 32;

struct TokensOptions {
  PromptOptions prompt;
  bool measure = false;
  bool json = false;
};

/// Answers the request with a few tokens, whatever they are.
Measurement measure(const PromptOptions& options, Request request) {
  const InterruptScope interrupt_scope;
  TerminalListener listener(false);
  Engine engine = Engine::load(options.model, options.engine, &listener);
  request.max_tokens = kMeasuredTokens;
  request.ignore_end = true;
  request.sampling.temperature = 0.0;
  const Result result = engine.generate(request, &listener);
  listener.finish(false);
  if (result.finish_reason == FinishReason::kCancelled) throw Interrupted();
  return {engine.device(), result.usage, result.timings};
}

int run(const TokensOptions& options) {
  const PromptOptions& prompt = options.prompt;
  // Pictures alone can be counted, so only an explicit - reads the prompt.
  std::string text = prompt.prompt.value_or("");
  PromptOptions sources = prompt;
  sources.prompt = text;
  if (prompt_source(sources, false) == PromptSource::kStandardInput) {
    text = read_prompt_from_stdin();
  }
  Request request = prompt.request;
  request.messages = first_messages(prompt, text);
  TokenReport report;
  report.math = count_tokens(prompt.model, request, prompt.engine);
  report.max_tokens = request.max_tokens;
  if (options.measure) report.measurement = measure(prompt, request);
  write_output(options.json ? json_text(tokens_json(report)) + "\n" : tokens_text(report));
  return kSuccess;
}

}  // namespace

void add_tokens_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("tokens", "Count what a request costs in tokens, memory and time");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<TokensOptions>();
  options->prompt.engine = engine_options_from_environment();
  add_prompt_options(*command, options->prompt);
  add_engine_options(*command, options->prompt.engine);
  command->add_flag("--measure", options->measure,
                    "Load the model, run the request for a few tokens and predict its time");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
