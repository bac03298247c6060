#include "cli/cli.h"

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/standard_streams.h"
#include "cli/text_lines.h"
#include "saccade/error.h"

namespace saccade::cli {
namespace {

constexpr const char* kDescription =
    "Saccade runs vision-language models on this machine: it reads pictures and answers\n"
    "questions about them. Nothing leaves the machine, and only pull opens a connection.\n";

constexpr const char* kExamples =
    "MODEL is a Hugging Face directory, ORG/NAME in the local Hugging Face cache, or glance,\n"
    "the small model that comes with Saccade.\n\n"
    "Examples:\n"
    "  saccade run glance \"What is in this picture?\" --image photo.jpg\n"
    "  saccade chat ./Qwen2.5-VL-3B-Instruct             /image FILE shows a picture\n"
    "  saccade inspect ./Qwen2.5-VL-3B-Instruct\n"
    "  saccade tokens glance \"What is this?\" --image photo.jpg --measure\n"
    "  saccade pull Qwen/Qwen2.5-VL-3B-Instruct          downloads a model\n\n"
    "saccade COMMAND --help explains each command. The environment variable SACCADE_ISA forces\n"
    "one of the instruction sets that saccade devices lists.";

// What shells add to a signal's number.
constexpr int kSignalStatus = 128;

int report(std::string_view message, int status) {
  write_error_line(message);
  return status;
}

/// The command a wrong command line was meant for, as the user would ask for its help.
std::string help_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? "saccade --help" : "saccade " + chosen.front()->get_name() + " --help";
}

int report_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = one_line(error.what());
  while (message.ends_with('.') || message.ends_with(' ')) message.pop_back();
  return report(message + "; see " + help_command(app), kUsageError);
}

int run_commands(int argc, const char* const* argv) {
  CLI::App app(kDescription, "saccade");
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kExamples);
  app.set_version_flag("--version", "saccade " SACCADE_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  // At most one, so that PROMPT may be a word that is a command. None at all has an error below
  // that says more than CLI11's, which also hides a mistyped command.
  app.require_subcommand(0, 1);
  Action action;
  add_run_command(app, action);
  add_chat_command(app, action);
  add_serve_command(app, action);
  add_photos_command(app, action);
  add_tokens_command(app, action);
  add_tokenize_command(app, action);
  add_template_command(app, action);
  add_grammar_command(app, action);
  add_inspect_command(app, action);
  add_compare_command(app, action);
  add_bench_command(app, action);
  add_bench_serve_command(app, action);
  add_devices_command(app, action);
  add_families_command(app, action);
  add_formats_command(app, action);
  add_convert_command(app, action);
  add_pull_command(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    write_output(app.help());
    return kSuccess;
  } catch (const CLI::CallForVersion& version) {
    write_output(std::string(version.what()) + "\n");
    return kSuccess;
  } catch (const CLI::ParseError& error) {
    return report_parse_error(app, error);
  }
  if (!action) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    return report(
        fmt::format("a command is missing: {}; see saccade --help", fmt::join(names, ", ")),
        kUsageError);
  }
  return action();
}

}  // namespace

int run_cli(int argc, const char* const* argv) {
  hold_standard_streams();
  // A reader that goes away shows up as a failed write, which knows what to do about it.
  std::signal(SIGPIPE, SIG_IGN);
  // So does a file that may not grow (ulimit -f).
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run_commands(argc, argv);
  } catch (const Interrupted& end) {
    if (end.signal != SIGINT) {
      return report(fmt::format("ended by a signal: {}", strsignal(end.signal)),
                    kSignalStatus + end.signal);
    }
    // The terminal has shown ^C; the shell's prompt belongs on a line of its own.
    if (stderr_shows_progress()) write_all(STDERR_FILENO, "\n");
    return kInterrupted;
  } catch (const OutputClosed&) {
    return kFailure;  // nobody reads on, so nobody needs a message
  } catch (const Error& error) {
    return report(error.what(), error.kind() == ErrorKind::kUsage ? kUsageError : kFailure);
  } catch (const std::bad_alloc&) {
    return report("out of memory; close other programs, or use a smaller model or picture",
                  kFailure);
  } catch (const std::exception& error) {
    return report(std::string("unexpected error: ") + error.what(), kFailure);
  } catch (...) {
    return report("unexpected error of an unknown kind", kFailure);
  }
}

}  // namespace saccade::cli
