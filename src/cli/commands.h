// The commands, each added to the one option table.
#pragma once

#include <CLI/App.hpp>
#include <functional>

namespace saccade::cli {

/// What a parsed command line asks for; returns the exit status and may throw Error.
using Action = std::function<int()>;

void add_run_command(CLI::App& app, Action& action);
void add_chat_command(CLI::App& app, Action& action);
void add_serve_command(CLI::App& app, Action& action);
void add_photos_command(CLI::App& app, Action& action);
void add_convert_command(CLI::App& app, Action& action);
void add_pull_command(CLI::App& app, Action& action);
void add_tokens_command(CLI::App& app, Action& action);
void add_tokenize_command(CLI::App& app, Action& action);
void add_inspect_command(CLI::App& app, Action& action);
void add_compare_command(CLI::App& app, Action& action);
void add_bench_command(CLI::App& app, Action& action);
void add_bench_serve_command(CLI::App& app, Action& action);
void add_devices_command(CLI::App& app, Action& action);
void add_formats_command(CLI::App& app, Action& action);
void add_families_command(CLI::App& app, Action& action);
void add_template_command(CLI::App& app, Action& action);
void add_grammar_command(CLI::App& app, Action& action);

}  // namespace saccade::cli
