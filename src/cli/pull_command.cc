// saccade pull: a model from the Hugging Face Hub.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/pull_progress.h"
#include "saccade/hub.h"

namespace saccade::cli {
namespace {

constexpr const char* kExamples =
    "The files go to the local Hugging Face cache, where saccade run ORG/NAME and other programs\n"
    "find them; the directory is printed. What is there is not fetched again, and a download that\n"
    "was cut off goes on where it ended. This is the one command that opens a connection. It\n"
    "honours HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE.\n\n"
    "Examples:\n"
    "  saccade pull Qwen/Qwen2.5-VL-3B-Instruct\n"
    "  saccade pull Qwen/Qwen2.5-VL-3B-Instruct --revision refs/pr/7\n"
    "  saccade pull ggml-org/SmolVLM-500M-Instruct-GGUF --include \"*Q8_0.gguf\"";

int run(const hub::PullRequest& request) {
  const InterruptScope interrupt_scope;
  PullTerminalListener listener;
  const auto start = std::chrono::steady_clock::now();
  const hub::PullResult result = hub::pull(request, listener);
  listener.finish();
  if (!result.complete) {
    listener.say("what came so far is kept: the same command goes on from there");
    return kInterrupted;
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  listener.say(fmt::format("{} file{}, {}; downloaded {} in {}", result.files,
                           result.files == 1 ? "" : "s", short_bytes(result.bytes),
                           short_bytes(result.received_bytes), duration(time.count())));
  write_output(result.snapshot + "\n");
  return kSuccess;
}

}  // namespace

void add_pull_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("pull", "Download a model from the Hugging Face Hub, or go on with it");
  command->footer(kExamples);
  command->group("Commands");
  const auto request = std::make_shared<hub::PullRequest>();
  command->add_option("MODEL", request->repository, "The model's name on the Hub, ORG/NAME")
      ->required()
      ->type_name("");
  command->add_option("--revision", request->revision, "A branch, a tag or a commit (default main)")
      ->type_name("NAME");
  command
      ->add_option("--include", request->include,
                   "Take the files whose paths match, * and ? standing for anything; repeatable. "
                   "Without it: what Saccade reads, which is configuration, tokenizer, processor, "
                   "templates and .safetensors weights")
      ->allow_extra_args(false)
      ->type_name("GLOB");
  command->callback([request, &action] { action = [request] { return run(*request); }; });
}

}  // namespace saccade::cli
