// saccade serve: models behind HTTP.
#include <memory>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/table.h"
#include "server/access.h"
#include "server/server.h"

namespace saccade::cli {
namespace {

using server::ServeOptions;

constexpr const char* kExamples =
    "The server speaks the APIs of OpenAI and Anthropic, so that their clients work with it:\n"
    "--routes lists what it answers, docs/server.md explains it. SIGTERM or Ctrl-C lets running\n"
    "requests end; a second one ends the server at once.\n\n"
    "Examples:\n"
    "  saccade serve glance\n"
    "  saccade serve Qwen/Qwen2.5-VL-3B-Instruct --name qwen --port 9000 --sealed\n"
    "  saccade serve ./model --host 0.0.0.0 --api-key-file keys.txt\n"
    "  saccade serve ./small ./large.gguf=large --memory-budget 12G\n"
    "  curl -s http://127.0.0.1:8080/health";

// Days are long enough to wait for an answer.
constexpr std::int64_t kMaxSeconds = 7 * 24 * 3600;
constexpr std::int64_t kMaxCount = 1'000'000;

struct ServeCommand {
  ServeOptions options;
  std::vector<std::string> models;
  std::string name;
  bool routes = false;
};

std::vector<server::ServedModel> served_models(const ServeCommand& command) {
  if (command.models.empty()) fail_usage("MODEL is required");
  std::vector<server::ServedModel> models;
  for (const std::string& text : command.models) {
    models.push_back(server::parse_served_model(text));
  }
  if (command.name.empty()) return models;
  if (models.size() > 1 || !models[0].name.empty()) {
    fail_usage("--name: it names one model that has no name yet; otherwise write MODEL=NAME");
  }
  models[0].name = command.name;
  return models;
}

int serve(const ServeCommand& command) {
  if (command.routes) {
    Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
    table.add_row({"method", "path", "needs", "answers with"});
    for (const server::RouteInfo& route : server::server_routes()) {
      table.add_row({route.method, route.path, route.access, route.description});
    }
    write_output(table.text());
    return kSuccess;
  }
  ServeOptions options = command.options;
  options.models = served_models(command);
  server::Server server(options);
  write_output(
      fmt::format("Saccade serves {} at {}{}\n", server::served_names(options), server.url(),
                  options.sealed ? ", sealed: the kernel refuses outgoing connections" : ""));
  return server.run() ? kSuccess : kFailure;
}

void add_texts(CLI::App& command, const std::string& name, const std::string& type,
               std::vector<std::string>& texts, const std::string& help) {
  command.add_option(name, texts, help)->allow_extra_args(false)->type_name(type);
}

void add_model_options(CLI::App& command, ServeCommand& serve) {
  command
      .add_option("MODEL", serve.models,
                  std::string(kModelHelp) +
                      ". Several: requests choose by name, and those that name none get the first. "
                      "MODEL=NAME gives a name: behind the last =, unless a / follows or there is "
                      "a file of the whole name")
      ->type_name("")
      ->expected(0, -1);
  command
      .add_option("--name", serve.name,
                  "What requests call the model (default: MODEL, of a path its last part)")
      ->type_name("NAME");
  ServeOptions& options = serve.options;
  add_value(command, "--memory-budget", "SIZE",
            "Memory of the device for all models that are loaded at a time: weights, keys, values "
            "and pictures. Others are loaded when they are asked for, and the least recently used "
            "idle ones make room (default: all models stay loaded)",
            [&options](const std::string& text) {
              options.memory_budget = parse_bytes("--memory-budget", text);
            });
  add_value(command, "--load-wait", "SECONDS",
            "How long a request waits for its model to be loaded before it is told to come again "
            "(default 120)",
            [&options](const std::string& text) {
              options.load_wait_seconds = parse_integer("--load-wait", text, 0, kMaxSeconds);
            });
}

void add_address_options(CLI::App& command, ServeOptions& options) {
  command
      .add_option("--host", options.http.host,
                  "Address to listen on (default 127.0.0.1: this machine alone; others need a key)")
      ->type_name("ADDRESS");
  add_value(command, "--port", "N", "Port to listen on; 0: any free one (default 8080)",
            [&options](const std::string& text) {
              options.http.port =
                  static_cast<std::uint16_t>(parse_integer("--port", text, 0, 65535));
            });
}

void add_key_options(CLI::App& command, ServeOptions& options) {
  const auto add_file = [&command](const std::string& name, std::vector<std::string>& keys,
                                   const std::string& help) {
    add_value(command, name, "FILE", help, [&keys](const std::string& path) {
      const auto read = server::read_keys(path);
      keys.insert(keys.end(), read.begin(), read.end());
    });
  };
  add_texts(command, "--api-key", "KEY", options.api_keys,
            "A key that requests must carry; repeatable. Other users of this machine may see it: "
            "better in a file");
  add_file("--api-key-file", options.api_keys, "Such keys in a file, one a line");
  add_texts(command, "--admin-key", "KEY", options.admin_keys,
            "A key for the admin routes, which without one are for this machine alone; repeatable");
  add_file("--admin-key-file", options.admin_keys, "Such keys in a file, one a line");
  add_texts(command, "--cors-origin", "ORIGIN", options.cors_origins,
            "A web page's origin, such as https://example.org, whose scripts may ask; * for all; "
            "repeatable");
  command
      .add_option("--media-root", options.media_root,
                  "A directory below which requests may name pictures as file:// URLs")
      ->type_name("DIR");
  add_texts(command, "--allow-remote-images", "HOST", options.remote_hosts,
            "A host that pictures are fetched from when requests name them by URL: a name, *.NAME "
            "for those below it, * for all, or an address, which alone may be a private one; "
            "perhaps :PORT behind it; repeatable");
  command.add_flag("--sealed", options.sealed,
                   "Have the kernel refuse outgoing connections of this process (Linux)");
}

void add_limit_options(CLI::App& command, ServeOptions& options) {
  const auto add_limit = [&command](const std::string& name, std::int64_t low,
                                    const std::string& help,
                                    std::function<void(std::int64_t)> take) {
    add_value(command, name, "N", help, [name, low, take](const std::string& text) {
      take(parse_integer(name, text, low, kMaxCount));
    });
  };
  add_value(command, "--max-body", "SIZE", "Largest request, such as 16M (default 64M)",
            [&options](const std::string& text) {
              options.http.max_body_bytes =
                  static_cast<std::size_t>(parse_bytes("--max-body", text));
            });
  add_limit("--max-tokens", 1, "Longest answer, in tokens (default: the rest of the context)",
            [&options](std::int64_t count) { options.limits.max_tokens = count; });
  add_limit(
      "--max-images", 0, "Pictures in a request (default 64)",
      [&options](std::int64_t count) { options.limits.max_images = static_cast<int>(count); });
  add_limit(
      "--max-choices", 1, "Answers to a request (default 16)",
      [&options](std::int64_t count) { options.limits.max_choices = static_cast<int>(count); });
  add_limit(
      "--max-waiting", 1,
      "Answers that may wait for their turn; more are refused with 429 (default 256)",
      [&options](std::int64_t count) { options.service.max_waiting = static_cast<int>(count); });
  add_limit(
      "--max-running", 1, "Answers that are made at a time (default: as many as memory holds)",
      [&options](std::int64_t count) { options.service.max_running = static_cast<int>(count); });
  add_value(command, "--drain-seconds", "N",
            "How long running requests may go on when the server stops (default 30)",
            [&options](const std::string& text) {
              options.drain_seconds = parse_integer("--drain-seconds", text, 0, kMaxSeconds);
            });
  command.add_flag("--lenient", options.lenient,
                   "Ignore fields of requests that the server does not know, in place of an error");
}

void add_cache_options(CLI::App& command, EngineOptions& engine) {
  command.add_flag_callback(
      "--no-prefix-cache", [&engine] { engine.prefix_cache = false; },
      "Read every prompt from its beginning, also where an earlier one began the same");
  add_value(command, "--vision-cache", "SIZE",
            "Memory for what the vision tower made of pictures (default 256M); 0: none",
            [&engine](const std::string& text) {
              engine.vision_cache_bytes = parse_bytes("--vision-cache", text);
            });
  add_cache_dir_options(command, engine);
}

}  // namespace

void add_serve_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("serve", "Answer requests over HTTP");
  command->footer(kExamples);
  command->group("Commands");
  const auto options = std::make_shared<ServeCommand>();
  options->options.engine = engine_options_from_environment();
  add_model_options(*command, *options);
  add_address_options(*command, options->options);
  add_key_options(*command, options->options);
  add_limit_options(*command, options->options);
  add_cache_options(*command, options->options.engine);
  add_engine_options(*command, options->options.engine);
  command
      ->add_option("--trace", options->options.trace,
                   "Write what is done for each request, and when, to a file that Perfetto reads")
      ->type_name("FILE");
  command->add_flag("--routes", options->routes, "List the routes and end");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace saccade::cli
