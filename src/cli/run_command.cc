// saccade run: one question, or a chat.
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/json_text.h"
#include "cli/answerer.h"
#include "cli/chat.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/listener.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/result_json.h"
#include "cli/standard_streams.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "Without PROMPT: the prompt is read from standard input, or, on a terminal, a chat begins "
    "that\n"
    "remembers its pictures and answers. Ctrl-C ends an answer.\n\n"
    "Examples:\n"
    "  saccade run glance \"What is in this picture?\" --image photo.jpg\n"
    "  saccade run glance \"What changed?\" --image before.png --image after.png\n"
    "  curl -s https://example.org/cat.jpg | saccade run glance \"Which animal?\" --image -\n"
    "  saccade run glance \"Read the sign.\" --image sign.jpg --json --logprobs 3\n"
    "  saccade run glance \"How many?\" --image shapes.png --regex '[0-9]{1,2}'\n"
    "  saccade run glance --image photo.jpg            a chat, as saccade chat\n"
    "  saccade run qwen \"What is it?\" --image a.jpg --server http://127.0.0.1:8080";

// No vocabulary is larger than a few hundred thousand tokens; the engine checks the model's own.
constexpr std::int64_t kMaxLogprobs = 10'000'000;

struct RunOptions {
  PromptOptions prompt;
  bool json = false;
};

int ask_and_stream(Answerer& answerer, const Request& request, TerminalListener& listener) {
  std::optional<Result> result;
  try {
    result = answerer.generate(request, listener);
  } catch (...) {
    listener.finish(false);
    throw;
  }
  const bool complete = result->finish_reason != FinishReason::kCancelled;
  listener.finish(complete);
  if (complete) return kSuccess;
  if (result->text.empty()) throw Interrupted();
  return kInterrupted;
}

int answer(const RunOptions& options, const std::string& prompt) {
  Request request = options.prompt.request;
  request.messages = first_messages(options.prompt, prompt);
  // Not before all input is read: a wait for a pipe should just end.
  const InterruptScope interrupt_scope;
  TerminalListener listener(!options.json);
  Answerer answerer(options.prompt, listener);
  if (!options.json) return ask_and_stream(answerer, request, listener);
  const Result result = answerer.generate(request, listener);
  listener.finish(false);
  if (result.finish_reason == FinishReason::kCancelled) throw Interrupted();
  const bool remote = !options.prompt.server.empty();
  write_output(json_text(remote ? remote_result_json(result)
                                : result_json(result, request.logprobs.has_value())) +
               "\n");
  return kSuccess;
}

int run(const RunOptions& options) {
  if (options.prompt.request.logprobs && !options.json) {
    fail_usage("--logprobs needs --json: log-probabilities are not part of the text");
  }
  const PromptSource source = prompt_source(options.prompt, stdin_is_terminal());
  if (source == PromptSource::kNobody) {
    if (options.json || !stdout_is_terminal()) {
      fail_usage("PROMPT is missing, and there can be no chat: {}",
                 options.json ? "--json prints one answer" : "standard output is not a terminal");
    }
    return chat(options.prompt);
  }
  const bool argument = source == PromptSource::kArgument;
  const std::string prompt = argument ? *options.prompt.prompt : read_prompt_from_stdin();
  if (prompt.empty() && options.prompt.images.empty()) {
    fail_usage("PROMPT is empty, and there is no picture; give one of them");
  }
  return answer(options, prompt);
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("run", "Ask a model about pictures, or chat with it");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<RunOptions>();
  options->prompt.engine = engine_options_from_environment();
  add_prompt_options(*command, options->prompt);
  add_answerer_options(*command, options->prompt);
  add_sampling_options(*command, options->prompt.request);
  add_constraint_options(*command, options->prompt.request);
  add_value(*command, "--logprobs", "N",
            "With --json: log-probabilities of each token and of the N likeliest ones",
            [options](const std::string& text) {
              options->prompt.request.logprobs =
                  static_cast<int>(parse_integer("--logprobs", text, 0, kMaxLogprobs));
            });
  command->add_flag(
      "--json", options->json,
      "Print one JSON object with text, token ids, token counts and timings; of a server's "
      "answer with what servers tell");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
