#include "cli/options.h"

#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/json.h"

#include "cli/numbers.h"
#include "cli/output.h"

namespace saccade::cli {
namespace {

constexpr int kMaxSide = 1 << 16;

/// A repeatable option of texts. Each use takes one value, so that PROMPT may follow it.
void add_texts(CLI::App& command, const std::string& name, std::vector<std::string>& texts,
               const std::string& type, const std::string& help) {
  command.add_option(name, texts, help)->allow_extra_args(false)->type_name(type);
}

void add_number(CLI::App& command, const std::string& name, std::optional<double>& number,
                const std::string& help) {
  add_value(command, name, "X", help,
            [name, &number](const std::string& text) { number = parse_number(name, text); });
}

Activations parse_activations(const std::string& name, const std::string& text) {
  if (text == "int8") return Activations::kInt8;
  if (text == "f32") return Activations::kF32;
  throw Error(name + ": wanted int8 or f32, found \"" + text + "\"", ErrorKind::kUsage);
}

TowerPrecision parse_tower_precision(const std::string& name, const std::string& text) {
  if (text == "stored") return TowerPrecision::kStored;
  if (text == "int8") return TowerPrecision::kInt8;
  throw Error(name + ": wanted stored or int8, found \"" + text + "\"", ErrorKind::kUsage);
}

KvPrecision parse_kv_precision(const std::string& name, const std::string& text) {
  if (text == "auto") return KvPrecision::kAuto;
  if (text == "16") return KvPrecision::kInt16;
  if (text == "8") return KvPrecision::kInt8;
  throw Error(name + ": wanted auto, 16 or 8, found \"" + text + "\"", ErrorKind::kUsage);
}

/// The options that `add` adds.
std::vector<const CLI::Option*> added_options(const CLI::App& command,
                                              const std::function<void()>& add) {
  const std::size_t before = command.get_options().size();
  add();
  std::vector<const CLI::Option*> options = command.get_options();
  options.erase(options.begin(), options.begin() + static_cast<std::ptrdiff_t>(before));
  return options;
}

}  // namespace

CLI::Option* add_value(CLI::App& command, const std::string& name, const std::string& type,
                       const std::string& help, std::function<void(const std::string&)> read) {
  return command.add_option_function<std::string>(name, std::move(read), help)->type_name(type);
}

void add_count(CLI::App& command, const std::string& name, std::int64_t low,
               const std::string& help, std::function<void(std::int64_t)> take) {
  add_value(command, name, "N", help, [name, low, take = std::move(take)](const std::string& text) {
    take(parse_integer(name, text, low));
  });
}

void add_activations_option(CLI::App& command, const std::string& name, const std::string& help,
                            EngineOptions& engine) {
  add_value(command, name, "TYPE", help, [name, &engine](const std::string& text) {
    engine.activations = parse_activations(name, text);
  });
}

void add_model_argument(CLI::App& command, std::string& model) {
  command.add_option("MODEL", model, kModelHelp)->required()->type_name("");
}

void add_prompt_options(CLI::App& command, PromptOptions& options) {
  add_model_argument(command, options.model);
  command.add_option("PROMPT", options.prompt, "What to ask; - reads it from standard input")
      ->type_name("");
  add_question_options(command, options);
}

void add_question_options(CLI::App& command, PromptOptions& options) {
  add_texts(command, "-i,--image", options.images, "FILE",
            "A picture to show before the prompt; repeat it for more, shown in that order; - reads "
            "one from standard input");
  command.add_option("--system", options.system, "Instructions that come before everything else")
      ->type_name("TEXT");
  Request& request = options.request;
  add_count(command, "--max-tokens", 0, "Longest answer, in tokens (default 1024)",
            [&request](std::int64_t count) { request.max_tokens = count; });
  add_count(command, "--min-pixels", 1, "Enlarge pictures that have fewer pixels",
            [&request](std::int64_t pixels) { request.min_pixels = pixels; });
  add_count(command, "--max-pixels", 1,
            "Shrink pictures that have more pixels: fewer tokens, faster, less detail",
            [&request](std::int64_t pixels) { request.max_pixels = pixels; });
}

void add_cache_dir_options(CLI::App& command, EngineOptions& engine) {
  command
      .add_option("--cache-dir", engine.cache_dir,
                  "Keep what was computed of pictures and prompts in a directory too, for the next "
                  "time; it is as private as they are")
      ->type_name("DIR");
  add_value(command, "--cache-dir-size", "SIZE",
            "Bytes of files that --cache-dir may hold, the least recently used out first "
            "(default 8G)",
            [&engine](const std::string& text) {
              engine.cache_dir_bytes = parse_bytes("--cache-dir-size", text);
            });
}

void add_engine_options(CLI::App& command, EngineOptions& engine) {
  add_count(command, "--max-image-pixels", 1,
            "Refuse picture files with more pixels before decoding them, against decompression "
            "bombs (default " +
                std::to_string(engine.max_image_pixels) + ")",
            [&engine](std::int64_t pixels) { engine.max_image_pixels = pixels; });
  add_decode_option(command, engine);
  add_mmproj_option(command, engine);
  add_tower_precision_option(command, "--tower-precision", engine);
  add_kv_bits_option(command, "--kv-bits", engine);
  add_activations_option(command, "--activations",
                         "Inputs of quantized layers and of attention: int8 (rounded to integers; "
                         "fastest; the default) or f32 (exactly the dequantized model)",
                         engine);
  add_device_options(command, engine);
  add_threads_option(command, engine);
}

void add_decode_option(CLI::App& command, EngineOptions& engine) {
  command.add_flag("--fast-decode", engine.fast_decode,
                   "Decode large JPEG files at a half, a quarter or an eighth of their size, no "
                   "smaller than the model looks at: faster, slightly other pixels");
}

void add_tower_precision_option(CLI::App& command, const std::string& name, EngineOptions& engine) {
  add_value(command, name, "TYPE",
            "Weights of the vision tower: stored (as the file has them; the default) or int8 "
            "(rounded to 8 bits: faster on a processor)",
            [name, &engine](const std::string& text) {
              engine.tower_precision = parse_tower_precision(name, text);
            });
}

void add_kv_bits_option(CLI::App& command, const std::string& name, EngineOptions& engine) {
  add_value(command, name, "N",
            "Bits of keys and values: 8 (about half the memory, and faster; a processor only), 16, "
            "or auto (8 on a processor where the decoder's weights are quantized; the default)",
            [name, &engine](const std::string& text) {
              engine.kv_precision = parse_kv_precision(name, text);
            });
}

void add_mmproj_option(CLI::App& command, EngineOptions& engine) {
  command
      .add_option("--mmproj", engine.mmproj,
                  "The vision tower of a .gguf model (default: the mmproj file beside it)")
      ->type_name("FILE");
}

void add_sampling_options(CLI::App& command, Request& request) {
  Sampling& sampling = request.sampling;
  add_number(command, "--temperature", sampling.temperature,
             "Randomness: 0 always takes the likeliest token. What is not given here comes from "
             "the model's generation_config.json");
  add_number(command, "--top-p", sampling.top_p,
             "Choose among the likeliest tokens that together have this probability, over 0 to 1");
  add_count(command, "--top-k", 0, "Choose among this many likeliest tokens; 0: all",
            [&sampling](std::int64_t count) { sampling.top_k = count; });
  add_number(command, "--min-p", sampling.min_p,
             "Leave out tokens less likely than this share of the likeliest one, 0 to 1");
  add_number(command, "--repetition-penalty", sampling.repetition_penalty,
             "Over 1: make tokens that were there before less likely");
  add_number(command, "--presence-penalty", sampling.presence_penalty,
             "Taken from the logit of every token that the answer has already");
  add_number(command, "--frequency-penalty", sampling.frequency_penalty,
             "The same, for each time that it has it");
  add_value(
      command, "--seed", "N", "The same seed gives the same answer again",
      [&sampling](const std::string& text) { sampling.seed = parse_unsigned("--seed", text); });
  add_texts(command, "--stop", request.stop, "TEXT",
            "End the answer where this text would come; repeatable");
}

void add_answerer_options(CLI::App& command, PromptOptions& options) {
  add_server_options(command, options.server, options.api_key, [&] {
    add_engine_options(command, options.engine);
    add_cache_dir_options(command, options.engine);
  });
}

void add_server_options(CLI::App& command, std::string& server, std::string& api_key,
                        const std::function<void()>& add_local,
                        const std::function<void()>& add_remote) {
  const std::vector<const CLI::Option*> local = added_options(command, add_local);
  command
      .add_option("--server", server,
                  "Ask a running saccade serve; MODEL is what it calls its model")
      ->type_name("URL");
  const std::vector<const CLI::Option*> remote = added_options(command, [&] {
    command.add_option("--api-key", api_key, "With --server: its key")->type_name("KEY");
    if (add_remote) add_remote();
  });
  command.parse_complete_callback([&server, local, remote] {
    for (const CLI::Option* option : server.empty() ? remote : local) {
      if (option->count() == 0) continue;
      fail_usage("{} is for {}", option->get_name(),
                 server.empty() ? "a server, and there is no --server"
                                : "a model that is loaded here, and --server asks one elsewhere");
    }
  });
}

void add_constraint_options(CLI::App& command, Request& request) {
  using Kind = Constraint::Kind;
  const auto take = [&request](Kind kind, std::string text) {
    // Several choices are one thing.
    const bool more =
        request.constraint && kind == Kind::kChoice && request.constraint->kind == Kind::kChoice;
    if (request.constraint && !more) {
      fail_usage("wanted one of --schema, --regex, --gbnf and --choice, found several");
    }
    if (!more) request.constraint = Constraint{kind, {}, ""};
    request.constraint->texts.push_back(std::move(text));
  };
  add_value(command, "--schema", "FILE", "Answer in JSON after this JSON Schema (draft 2020-12)",
            [take](const std::string& file) { take(Kind::kJsonSchema, read_text_file(file)); });
  add_value(command, "--regex", "RE", "Answer with what this regular expression matches",
            [take](const std::string& text) { take(Kind::kRegex, text); });
  add_value(command, "--gbnf", "FILE", "Answer after a grammar in llama.cpp's language",
            [take](const std::string& file) { take(Kind::kGbnf, read_text_file(file)); });
  command
      .add_option_function<std::vector<std::string>>(
          "--choice",
          [take](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) take(Kind::kChoice, text);
          },
          "Answer with one of such texts; repeatable")
      ->allow_extra_args(false)
      ->type_name("TEXT");
}

void add_threads_option(CLI::App& command, EngineOptions& engine) {
  add_value(
      command, "--threads", "N",
      "Threads of the processor (default: one for each core); without --device, these compute",
      [&engine](const std::string& text) {
        engine.threads = static_cast<int>(parse_integer("--threads", text, 1, kMaxThreads));
      });
}

void add_device_option(CLI::App& command, EngineOptions& engine) {
  command
      .add_option("--device", engine.device,
                  "Where to compute: auto (a GPU if there is one; the default), cpu, cuda or "
                  "cuda:N; saccade devices lists them")
      ->type_name("DEVICE");
}

void add_device_options(CLI::App& command, EngineOptions& engine) {
  add_device_option(command, engine);
  command.add_flag("--batch-invariant", engine.batch_invariant,
                   "On a GPU: the same bits whatever else is answered at the same time, more "
                   "slowly; a processor's always are");
  add_value(command, "--kv-memory", "SIZE",
            "Memory for keys, values and states, such as 8G (default: enough for four full "
            "contexts, or most of what is free after the weights)",
            [&engine](const std::string& text) {
              engine.kv_memory_bytes = parse_bytes("--kv-memory", text);
            });
}

EngineOptions engine_options_from_environment() {
  EngineOptions engine;
  if (const char* isa = std::getenv("SACCADE_ISA")) engine.instruction_set = isa;
  engine.on_warning = [](const std::string& message) { write_error_line("warning: " + message); };
  return engine;
}

std::vector<std::string> words_between_commas(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ',') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

void add_counts(CLI::App& command, const std::string& name, const std::string& option,
                const std::string& help, std::vector<std::int64_t>& counts, std::int64_t high) {
  add_value(command, name, "N,...", help, [option, &counts, high](const std::string& text) {
    counts.clear();
    for (const std::string& word : words_between_commas(text)) {
      counts.push_back(parse_integer(option, word, 1, high));
    }
  });
}

PictureSize parse_picture_size(const std::string& option, const std::string& text) {
  const std::size_t cross = text.find('x');
  if (cross == std::string::npos) fail_usage("{}: wanted WxH, found \"{}\"", option, text);
  const auto side = [&](const std::string& word) {
    return static_cast<int>(parse_integer(option, word, 1, kMaxSide));
  };
  return {side(text.substr(0, cross)), side(text.substr(cross + 1))};
}

}  // namespace saccade::cli
