// saccade chat: a conversation, which saccade run without PROMPT is as well.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "cli/chat.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/standard_streams.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "Pictures and answers stay in the conversation. /image FILE shows a picture with what you say\n"
    "next, /help says what else there is; Ctrl-C ends an answer, Ctrl-D the chat.\n\n"
    "Examples:\n"
    "  saccade chat glance --image photo.jpg\n"
    "  saccade chat qwen --server http://127.0.0.1:8080";

int run(const PromptOptions& options) {
  if (std::ranges::find(options.images, "-") != options.images.end()) {
    fail_usage("--image -: standard input is the chat; give a file");
  }
  if (!stdin_is_terminal() || !stdout_is_terminal()) {
    fail_usage("a chat needs a terminal; saccade run MODEL PROMPT answers without one");
  }
  return chat(options);
}

}  // namespace

void add_chat_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("chat", "Talk with a model about pictures");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<PromptOptions>();
  options->engine = engine_options_from_environment();
  add_model_argument(*command, options->model);
  add_question_options(*command, *options);
  add_answerer_options(*command, *options);
  add_sampling_options(*command, options->request);
  add_constraint_options(*command, options->request);
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace saccade::cli
