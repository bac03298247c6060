// The options that commands share.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "saccade/bench.h"
#include "saccade/engine.h"

namespace saccade::cli {

/// What run, chat and tokens are told about the model and the question.
struct PromptOptions {
  std::string model;
  std::string server;   ///< URL of one that has the model; empty: it is loaded here
  std::string api_key;  ///< of the server
  std::optional<std::string> prompt;
  std::vector<std::string> images;
  std::optional<std::string> system;
  Request request;  ///< settings only; messages come from the fields above
  EngineOptions engine;
};

/// What --threads takes at most.
inline constexpr std::int64_t kMaxThreads = 1024;

/// What --help says of MODEL.
inline constexpr const char* kModelHelp =
    "A Hugging Face or MLX model directory, a .gguf file, ORG/NAME in the local Hugging Face "
    "cache, or glance, the small model that comes with Saccade";

void add_model_argument(CLI::App& command, std::string& model);
/// MODEL, PROMPT, and what add_question_options adds.
void add_prompt_options(CLI::App& command, PromptOptions& options);
/// --image, --system, --max-tokens and the pixel limits.
void add_question_options(CLI::App& command, PromptOptions& options);
/// How pictures are decoded, weights held and where they are multiplied.
void add_engine_options(CLI::App& command, EngineOptions& engine);
/// --cache-dir and --cache-dir-size
void add_cache_dir_options(CLI::App& command, EngineOptions& engine);
/// Who answers: a model that is loaded here, with the options of the engine and --cache-dir, or a
/// server.
void add_answerer_options(CLI::App& command, PromptOptions& options);
/// --server and --api-key: who answers in place of a model that is loaded here. `add_local` adds
/// the options of such a model, `add_remote` others of a server; those of the one that does not
/// answer would do nothing, and are refused by name where the command line ends.
void add_server_options(CLI::App& command, std::string& server, std::string& api_key,
                        const std::function<void()>& add_local,
                        const std::function<void()>& add_remote = {});
/// --schema, --regex, --gbnf and --choice: what the answer must be.
void add_constraint_options(CLI::App& command, Request& request);
/// How tokens are chosen and when the answer ends.
void add_sampling_options(CLI::App& command, Request& request);
/// --fast-decode
void add_decode_option(CLI::App& command, EngineOptions& engine);
/// How keys and values, and the vision tower, are held, under the names that the command gives.
void add_kv_bits_option(CLI::App& command, const std::string& name, EngineOptions& engine);
void add_tower_precision_option(CLI::App& command, const std::string& name, EngineOptions& engine);
void add_mmproj_option(CLI::App& command, EngineOptions& engine);
void add_threads_option(CLI::App& command, EngineOptions& engine);
/// --device, and --batch-invariant with it.
void add_device_options(CLI::App& command, EngineOptions& engine);
void add_device_option(CLI::App& command, EngineOptions& engine);
/// A whole number from `low` up that `take` is given.
void add_count(CLI::App& command, const std::string& name, std::int64_t low,
               const std::string& help, std::function<void(std::int64_t)> take);
/// How inputs of quantized layers are held, under the name that the command gives the option.
void add_activations_option(CLI::App& command, const std::string& name, const std::string& help,
                            EngineOptions& engine);

/// An option whose value `read` takes, or refuses by throwing Error. For numbers: CLI11's own
/// conversion takes 010 for eight and cuts off what is too large.
CLI::Option* add_value(CLI::App& command, const std::string& name, const std::string& type,
                       const std::string& help, std::function<void(const std::string&)> read);

/// EngineOptions with the instruction set that SACCADE_ISA asks for.
EngineOptions engine_options_from_environment();

std::vector<std::string> words_between_commas(const std::string& text);

/// An option with several counts, "N,...".
void add_counts(CLI::App& command, const std::string& name, const std::string& option,
                const std::string& help, std::vector<std::int64_t>& counts,
                std::int64_t high = std::numeric_limits<std::int64_t>::max());

/// "WxH". Throws Error (usage) naming the option.
PictureSize parse_picture_size(const std::string& option, const std::string& text);

}  // namespace saccade::cli
